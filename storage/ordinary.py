"""Words that everybody says: who is called so is not meant by them.

A list, and not a count of what was said: of somebody whom all talk about the name is said as often.
What is not on it counts as a name, as whoever wants to be forgotten is called by it.
"""

from __future__ import annotations

_NEVER = """
    a about above after again against ago all almost along already also although always am among
    an and another any anybody anyone anything are around as ask at away back bad be became
    because become been before behind being below best better between big both bot but by bye
    call came can cannot channel could day days did didn do does doesn doing done down during
    each either else enough even ever every everybody everyone everything example few find first
    for from full gave get gets getting give given go goes going gone good got great had has
    hasn have haven having he hello help her here hers hey hi high him his how however i if in
    indeed instead into is isn it its just keep kept kind knew know known knows last later least
    less let lets like little ll look looks lot low made make makes making man many maybe me
    mean means message messages might mine more most much must my myself name need never new
    news next nice no nobody none nor not nothing now of off often oh ok okay old on once one
    ones only or other others ought our ours out over own people per perhaps person please put
    quite rather re really reply right said same saw say says see seem seen send several shall
    she should since so some somebody someone something sometimes soon still such sure take
    taken tell than thank thanks that the their theirs them then there these they thing things
    think this those though thought three through thus time times to today together told
    tomorrow too took toward try two under until up upon us use used user users uses using very
    via want wants was wasn way we well went were weren what when where whether which while who
    whole whom whose why with within without won word words work world would write wrong year
    years yes yesterday yet you your yours yourself

    aber alle allein allem allen aller alles als also am an andere anderen auch auf aus bei beim
    bereits bin bis bist bitte da dabei damit danach dann daran darauf daraus darf das dass dein
    deine dem den denn der deshalb dich die dies diese diesem diesen dieser dieses dir doch dort
    du durch ein eine einem einen einer eines einfach einige er es etwas euch euer für gab ganz
    geben gegen gehen geht genau gerade gern gibt gut habe haben hallo hast hat hatte hätte
    heute hier hin hinter ich ihm ihn ihnen ihr ihre im immer in ins ist ja jede jeder jedes
    jemand jetzt kann kein keine können könnte lange machen macht man mehr mein meine mich mir
    mit morgen muss müssen nach nachricht nein nicht nichts nie niemand noch nur ob oben oder
    ohne schon sehr sein seine seit sich sie siehe sind so sogar soll sollte sondern sonst über
    um und uns unser unten unter viel viele vielleicht vom von vor wann war waren warum was weg
    weil weiter welche wenig wenn wer werden wie wieder wir wird wissen wo wollen worden wort
    wurde würde zu zum zur zwei zwischen

    a algo alguien algún alguna algunas alguno algunos allí ante antes aquel aquella aquí así
    aun aún aunque bajo bien buen bueno cada casi como cómo con contra cosa cual cuál cuando
    cuándo de decir del desde después día días donde dónde dos e el él ellas ellos en entonces
    entre era eran eres es esa esas ese eso esos esta está están estar estas este esto estos
    estoy fue fueron gracias ha había hace hacer hacia hasta hay he hola hoy la las le lo los
    luego más me mensaje menos mi mientras mis mismo mucho muchos muy nada nadie ni no nos
    nosotros nuestra nuestro nunca o otra otras otro otros para pero poco por porque pues puede
    pueden qué que quien quién quiere sé se sea según ser será si sí sido siempre sin sobre sois
    solo sólo somos son soy su sus también tan tanto te tener tengo ti tiene tienen toda todas
    todo todos tu tú tus un una unas uno unos usted ustedes va vamos ver vez vosotros y ya
    yo

    à afin ai aie ainsi alors après as assez au aucun aujourd aussi autre autres aux avait avant
    avec avez avoir avons bien bon bonjour car ce ceci cela celle celui ces cet cette ceux
    chaque chez chose comme comment contre d dans de déjà demain depuis deux dire dit doit donc
    dont du elle elles en encore entre est et étaient était été être eu eux fait faire faut fois
    hier hui ici il ils j je jour jusqu jusque l la là le leur leurs lors lui m ma mais mal me
    même merci mes message mieux moi moins mon n ne ni non nos notre nous on ont ou où oui par
    parce pas pendant personne peu peut plus pour pourquoi pouvez près puis qu quand que quel
    quelle quelque quelques qui quoi rien s sa sans se sera ses seul si sien soi soit sommes son
    sont sous suis sur t ta tant te tel tes toi ton toujours tous tout toute toutes très trop tu
    un une va vers veut voici voilà voir vos votre vous vrai

    а без более больше бы был была были было быть в вам вами вас ваш ваша ваше ваши весь во вот
    все всё всегда всего всех вчера вы где говорит да даже два день для до другие другой его ее
    её ей если есть ещё еще ж же за завтра зачем здесь и из или им их к каждый как какая какие
    какой когда конечно кто куда ли лучше меня между менее мне много могу может можно мой
    мою моя мы на над надо нам нами нас наш не него нее неё ней нельзя нет ни нибудь никогда
    никто ничего но ну о об один одна одно он она они оно опять от очень перед по под пока после
    потом потому почему почти при привет про просто раз с сам свой себе себя сегодня сейчас
    сказал сказать со совсем сообщение спасибо так также такой там тебе тебя тем теперь то тоже
    только том тот три тут ты у уже хорошо хоть хочу чего чем через что чтоб чтобы эта эти это
    этого этой этом этот эту я

    あそこ あなた あの あの人 あります ある あれ いい いえ いつ いま いる うん
    おはよう から けど ここ こと この こちら これ こんにちは した して しない します
    する すべて せん そう そこ そして その それ ため だから だけ だった だれ です
    でした でも という とき とても どう どこ どの どれ ない なぜ など なに なる
    なん はい ひと ます ません また まで みんな もう もの もっと よう よく より
    よろしく わたし ありがとう ください できる 一つ 一人 二つ 人 今 今日 何 何か 俺
    僕 全部 前 名前 君 場合 彼 彼女 後 思う 日 日本 日本語 明日 昨日 時 時間
    最近 本当 本当に 皆 私 私たち 自分 言う 言葉 誰
"""
NEVER_NAMES = frozenset(word.casefold() for word in _NEVER.split())
"""Nobody is called so who does not want to be a nuisance."""

_ALSO = """
    al amber angel april art ash august autumn baker ban banks bay bear bell berry bill bird
    black blue book boss brook brooks brown buck bud butler captain carter cash cat chance
    chase cherry chip christian church clay cliff cloud coffee cook cooper cow crystal dad daisy
    dale dawn dean des destiny dog doll dollar don dot drew duck duke earl eagle earth east eve
    fair faith fisher flower ford forest fox frank fuzzy game gamer gene ghost ginger glen gold
    grace grant gray green grey guest guy happy harmony hazel heart heather heaven hero hill
    holly honey hope hunter ice han iris ivy jack jade jasmine jay jazz jean jersey jewel
    journey joy june justice king kit kitty knight lake lance lane lark laurel les lily lion
    long love luck lucky mac magic mark marsh mason mat max may melody mercy mile miles miller
    mint mom moon morning mouse nick night nova oak ocean olive page paris park pat patience
    peace pearl peg penny pierce pilot piper poppy porter prince princess prudence queen rain
    ray red reed rich river rob robin rock rocky rod rose ruby rusty sage sailor sandy savannah
    scout serenity shadow shell sky skip smith snow spring star stone storm sue summer sun sunny
    sunshine test tiger trinity trip turner van victor victory violet wade walker ward water
    wave west white wild will winter wolf wood woods young

    bach bauer baum berg blume braun ernst fischer fuchs graf groß hahn hase heide herz huber
    jäger kaiser klein koch könig kraft kurz lang linde mai mond müller neu reich richter ritter
    rot schmidt schön schwarz sommer sonne stark stein stern vogel weiß wald

    alba alegría alma amor ángel ángeles blanca blanco clara consuelo cruz delgado dolores ella
    esperanza estrella fe flor gloria guerra ley luna luz mar milagros nieves paz perla pilar
    reina rico rojo rosa rubio sol soledad valiente verde victoria

    aimé aimée ange aurore blanche brun céleste cerise claire constant désirée fleur franc grand
    jolie lefèvre marguerite marin moreau myrtille noir petit pierre reine roux

    вера воля злата лада лев любовь май марина марк мир мила мороз надежда победа роза роман
    свет света слава снежок солнце тень ветер волк заяц кот медведь
"""
ALSO_NAMES = frozenset(word.casefold() for word in _ALSO.split())
"""Of these only the writing tells: who is called Rose is meant by Rose, and not by rose."""
