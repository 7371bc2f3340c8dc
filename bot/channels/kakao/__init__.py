"""KakaoTalk: skill calls of the chatbot admin centre ⇄ the vocabulary of `handlers.message`."""
