-- How far a customer has read on a channel that shows bubbles only in the answer to their own message (KakaoTalk).
ALTER TABLE addresses ADD COLUMN shown_seq BIGINT NOT NULL DEFAULT 0;
