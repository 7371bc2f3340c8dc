/**
 * Words that guessers try first. Not a list of passwords: `password.mjs` undoes the usual disguises (P@ssw0rd!23) and
 * takes words in a row, so these few hundred stand for several hundred thousand passwords.
 */

const LATIN = `
password passwd passcode pass word admin administrator root user guest login master manager system server secret
private security secure access account bank banking money cash card credit pin code key cert certificate certtalk
test tester testing demo sample example temp default change changeme letmein welcome hello hi hey open unlock enter
love iloveyou lovely lover loveme you me my mine the is it not and for get new old one two good bad best big cool hot
baby angel princess prince queen king sweet honey sugar candy cookie chocolate cherry apple banana orange lemon
peach melon strawberry flower rose daisy lily jasmine sunshine sun moon star sky rain snow ocean river summer winter
spring autumn january february march april may june july august september october november december monday tuesday
wednesday thursday friday saturday sunday dog cat puppy kitty tiger lion bear eagle dragon monkey panda rabbit horse
dolphin shark wolf fox butterfly football soccer baseball basketball hockey tennis golf sports player game gamer
gaming batman superman spiderman pokemon pikachu starwars naruto mario sonic zelda matrix ninja samurai pirate hunter
killer shadow ghost magic merlin phoenix thunder storm fire ice blue red green black white silver gold golden diamond
purple pink yellow happy lucky smile joy hope faith peace freedom heaven jesus christ god bless family mother father
mom dad sister brother friend friends forever always never baby boy girl man woman school student teacher house home
work office company computer internet windows samsung apple android iphone google naver daum kakao kakaotalk line
telegram facebook instagram twitter youtube netflix toss hyundai lg sk kt kia posco lotte shinsegae coupang kbstar kb
kookmin kookminbank shinhan woori hana nonghyup ibk yessign npki korea korean seoul busan incheon daegu daejeon
gwangju ulsan jeju suwon hanguk coffee starbucks beer soju pizza chicken ramen kimchi michael jordan michelle jennifer
jessica ashley amanda daniel david james john robert william joseph thomas charlie george harry andrew matthew joshua
anthony nicole hannah sarah emily anna maria kevin brian jason justin ryan eric alex sam max ben tom kim lee park choi
jung jeong kang cho yoon jang lim han oh seo shin kwon hwang ahn song hong yoo jeon ko moon yang bae baek heo nam
minjun seojun dohyun jiwoo jimin jihoon minsu minji sumin sujin yujin jisoo hyunwoo minho taehyung jungkook yuna
sarang saranghae saranghaeyo annyeong annyeonghaseyo haengbok uri nara gongdong gongin injeung injeungseo bimil
bimilbeonho eunhaeng donggul mirae hanultari chingu eomma appa aegi gangaji goyangi bts blackpink twice exo bigbang
trustno whatever nothing something anything computer welcome qwerty qwert qwer asdf asdfgh asdfghjkl zxcv zxcvbn
zxcvbnm qwertyuiop qaz wsx edc rfv tgb qazwsx zaq xsw cde qwe asd zxc wasd poiuy lkjhg mnbvc aaa abc abcd abcdef xyz`;

const HANGUL = `
비밀번호 비번 암호 비밀 인증서 공인인증서 공동인증서 금융인증서 인증 공인 공동 은행 국민은행 국민 신한 우리 하나 농협 기업 통장 계좌 돈 카드 보안카드 보안
사랑 사랑해 사랑해요 사랑합니다 안녕 안녕하세요 감사 감사합니다 고마워 행복 행복해 행복하자 행운 희망 평화 자유 대박 부자 부자되자 화이팅 파이팅 힘내자 최고 좋아 좋아해
대한민국 한국 코리아 서울 부산 대구 인천 광주 대전 울산 제주 제주도 수원 독도 한강 남산 우리나라 가족 우리가족 엄마 아빠 어머니 아버지 동생 누나 언니 오빠 형 아들 딸 아기
친구 여보 자기 자기야 남편 아내 마누라 강아지 고양이 멍멍이 야옹이 호랑이 사자 곰 토끼 나비 돼지 거북이 독수리 공주 왕자 왕 천사 악마 바보 멍청이 나 너 우리 내꺼 내사랑
하늘 바다 바람 구름 별 달 태양 꽃 장미 나무 산 강 비 눈 봄 여름 가을 겨울 하루 오늘 내일 어제 월요일 화요일 수요일 목요일 금요일 토요일 일요일 새해 생일 축하 축하해
학교 학생 선생님 회사 사장 사장님 과장 부장 대리 직원 집 우리집 아파트 자동차 컴퓨터 인터넷 핸드폰 전화 전화번호 게임 축구 야구 농구 골프 등산 낚시 여행 음악 노래 영화 커피
치킨 피자 라면 김치 소주 맥주 사과 바나나 딸기 수박 포도 밥 빵 김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 홍 전 고 문 양 손 배 백 허 유 남 심 노 하 곽 성 차 주
민준 서준 도윤 예준 시우 하준 지호 지후 준서 준우 현우 도현 지훈 건우 우진 선우 서진 민재 현준 연우 서연 서윤 지우 서현 하은 하윤 민서 지유 윤서 채원 수아 지아 지민 다은 은서
예은 수빈 소율 예린 지원 유나 수진 민지 영희 철수 영수 영호 영자 순자 정숙 미숙 은주 은영 지영 지은 혜진 민수 길동 홍길동 예수 예수님 하나님 주님 아멘 할렐루야 부처님 관세음보살
가나다 가나다라 가나다라마 가나다라마바사 마음 영원 영원히 기쁨 소망 믿음 미래 꿈 열정 청춘 인생 세상 세계 지구 우주 무지개 보물 황금 다이아 은하수 햇살 미소 웃음 건강 성공 합격 로또 당첨`;

const VOWELS = ["k", "o", "i", "O", "j", "p", "u", "P", "h", "hk", "ho", "hl", "y", "n", "nj", "np", "nl", "b", "m", "ml", "l"];
const FINALS = [
  "", "r", "R", "rt", "s", "sw", "sg", "e", "f", "fr", "fa", "fq", "ft", "fx", "fv", "fg", "a", "q", "qt", "t", "T", "d", "w", "c",
  "z", "x", "v", "g",
];
const INITIAL_KEYS = [..."rRseEfaqQtTdwWczxvg"];

/** Hangul as it comes out of an English keyboard: 비밀번호 is qlalfqjsgh. */
export function typedOnQwerty(word) {
  return [...word]
    .map((syllable) => {
      const index = syllable.charCodeAt(0) - 0xac00;
      const initial = Math.floor(index / (VOWELS.length * FINALS.length));
      const vowel = Math.floor(index / FINALS.length) % VOWELS.length;
      return INITIAL_KEYS[initial] + VOWELS[vowel] + FINALS[index % FINALS.length];
    })
    .join("")
    .toLowerCase();
}

const words = (text) => text.trim().split(/\s+/);

/** @type {ReadonlySet<string>} lower case, letters only */
export const COMMON_WORDS = new Set([...words(LATIN), ...words(HANGUL).map(typedOnQwerty)]);
