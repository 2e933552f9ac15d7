/**
 * Passwords that attackers try first. They come from leaks, and some are as rude as people are.
 *
 * The facts are those of the npm package @zxcvbn-ts/language-common 4.1.3 (MIT), `passwords-common`
 * in its `dictionary`: 49,233 passwords in the order of how often they were found. Bundling all of
 * them costs 380 kB for the 237 that our minimum length leaves to be caught, so those stand here.
 *
 * To make this file anew, install that package in an empty folder and take
 * - for COMMON_PASSWORDS: the entries of 12 or more characters that neither repeatedUnit() nor
 *   isKeyboardWalk() of password-patterns.ts catches, sorted;
 * - for COMMON_WORDS: the first 200 that are 5 to 11 letters a to z, sorted.
 */

const words = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/));

/** Common passwords of at least 12 characters, in lower case. */
export const COMMON_PASSWORDS = words(`
010203040506 014702580369 01telemike01 050605rostik 102030405060 123123qweqwe 1234qwerasdfzxcv
123qwe456rty 123qweasdzxc 12qw34er56ty 159753456852 193570356033 19960610ilja 1a2a3a4a5a6a
1a2s3d4f5g6h 1q2w3e4r5t6y 1qa2ws3ed4rf 1qa2ws3ed4rf5tg 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1qazxsw23edc
1qazxsw23edcvfr4 23176djivanfros 23wkoa0fp78dk 31217221027711 32615948worms 41d8cd98f00b
420842084208555 4815162342lf 4815162342lost 541233432442 59382113kevinp 6215mila6215 742617000027
89063032220m 89231243658s 89876065093rax 89semtsriuty a1s2d3f4g5h6 admin18533362 administrator
aksjdlasdakj89879 alpha135792468 amadeusptfcor an83546921an13 andrewjackie antananarivu
anytimetoday auckland2010 avrillavigne badiman28200 bhrh0h2oof6xbqjeh blacksonblon bltynbabrfwbz
boy4u2ownnyc bpgjldsgjldthnf bullnuts2003 businessbabe cheeseburger chesterfield chickenwing101
christopher1 civilization cjdthitycndj cnfc35762209 combat123654 configuratio construction
contortionist corperfmonsy cosmopolitan counterstrike devilmaycry4 digitalprodu dkflbvbhjdbx
dkflbvbhjdyf domainlock2005 edwardcullen entertainment fatima753357 finalfantasy findaupair007
fkmnthyfnbdf fktrcfylhjdbx fktrcfylhjdf fktrcfylhjdyf flvbybcnhfnjh foreveryoung frederiksberg
fucktheworld fuckyoubitch fynfyfyfhbde gfhfktkjuhfv ghbdtnrfrltkf ghhh47hj7649 ghjatccbjyfk
ghjcnjgbpltw ghjcnjgfhjkm ghjcnjqgfhjkm ghjcnjrdfibyj ghjnbdjcnjzybt ghtdtlvtldtl gjkysqgbpltw
greenlantern gthtrfnbgjkt gtnhjpfdjlcr hd764nw5d7e1vb1 hd764nw5d7e1vbv hedimaptfcor iampurehaha2
iloveboobies ilovemyfamily ingodwetrust installdevic installsqlst intelligence international
ipo54tj45uy856 iseedeadpeople jamesbond007 josephphone7 justinbieber ktjynsq40147 leavemealone
lhbjkjubz2957704 lost4815162342 love777321777 lytdybrbdfvgbhf lytghjgtnhjdcr mailcreated5240
maprchem56458 massimiliano masterbaiting masterbating masturbation maurolarastefy mevefalkcakk
michaeljackson minecraft123 minnesota_hp momsanaladventure morganstanley mortalkombat motherfucker
msoracle32re msorcloledbr ne_e_pod_chehyl necronomicon needforspeed nemvxyheqdd5oqxyxyzi
networkingpe newproject2004 nhbujyjvtnhbz nhecsyfujkjdt nhfdvfnjkju123 nhfycajhvths
nick1234-rem936 nightcrawler nondriversig ntktdbpjh1994 olcrackmaster ontheoutside p030710p$e4o
paraklast1974 password1234 passwordassword passwordstandard peanutbutter pfqwtd27121988
philadelphia playstation2 playstation3 polniypizdec0211 polniypizdec1102 polniypizdec110211
pornographic professional ptybnxtvgbjy punksnotdead q1w2e3r4t5y6 q1w2e3r4t5y6u7 q1w2e3r4t5y6u7i8
q1w2e3r4t5y6u7i8o9p0 qawsedrftgyh qaz123wsx456 qazwsx123456 qazwsxedc123 qazwsxedcrfv
qazwsxedcrfvtgb qazxswedc123 qazxswedcvfr qwaszxerdfcv qweasdzxc123 residentevil rfnthbyf1988
ronaldinho10 sanfrancisco satisfaction saun24865709 scandinavian schoolgirlie sdicmt7seytn
seemnemaailm sojdlg123aljg sonnenschein sonyericsson specialinsta stickdaddy77 stinkyfinger
stratocaster supernatural systemofadown temppassword thecakeisalie ticketmaster transformers
unbelievable vanyarespekt vfvfvskfhfve vladimirovna warhammer40k wazzkaprivet websolutions
websolutionssu webuivalidat weihnachtsbau weihnachtsbaum whosyourdaddy xxxp455w0rd5 z1x2c3v4b5n6
z1x2c3v4b5n6m7 zaq12wsxcde3 zaq1xsw2cde3 zaqwsxcderfv zcfvfzkexifz zqjphsyf6ctifgu zxcasdqwe123
`);

/** The words most often used as passwords; and ours, which is the first that one would try here. */
export const COMMON_WORDS = words(`
rowhouse
access adidas amanda andrea andrew angel angela anthony arsenal asdfgh ashley asshole austin
badboy bailey banana barney baseball batman bigdaddy bigdick bigdog biteme booboo boomer boston
brandon brandy bulldog buster camaro casper charles charlie cheese chelsea chester chicago chicken
chris cocacola coffee compaq computer cookie corvette cowboy cowboys crystal dakota dallas daniel
diablo diamond dragon eagles edward enter falcon fender ferrari fishing flower football forever
freedom fucker fuckme fuckoff fuckyou gandalf gateway george gfhjkm ghbdtn ginger golden golfer
guitar hammer hannah hardcore harley heather hello hockey hunter iceman iloveyou internet iwantu
jackson james jasmine jasper jennifer jessica johnny jordan joseph joshua junior justin killer
klaster knight lakers lauren letmein london maggie marina marine marlboro martin master matrix
matthew maverick melissa mercedes merlin michael michelle mickey midnight miller money monkey
monster morgan mother mustang nascar natasha nicole nikita oliver orange panties password patrick
peanut pepper phoenix player please porsche prince princess purple pussy qazwsx qwerty qwertyuiop
rabbit rachel raiders ranger rangers redsox richard robert samantha samsung scooby scooter secret
shadow silver slayer smokey snoopy soccer sparky spider starwars steelers steven summer sunshine
superman taylor tennis thomas thunder tigers tigger victoria welcome whatever william winner
winter wizard yamaha yankees yellow zxcvbn zxcvbnm
`);
