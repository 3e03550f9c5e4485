"""Personal data beside code: what people are reached at, and not what looks like it."""

import pytest

from kamerton.privacy.columns import Columns
from kamerton.privacy.personal import find

KINDS = ("email", "phone", "inn", "snils", "passport", "card")
NOT_PERSONAL = """git clone git@github.com:owner/repo.git
git remote add origin git@gitlab.example.com:group/name.git
y = X@beta.values + e
scores = Q @ K.T; out = A@B.data.mean
loss = W@x.grad + b@c.info * 2
logits = h@self.head.weight
q@k.mT and K@V.real
@app.route("/") and @pytest.mark.parametrize
pip install pkg@1.2.3, npm i react@18.2.0, @types/node@latest
ssh -i key.pem -p 2222 ubuntu@ec2-1-2-3-4.compute.amazonaws.com
scp report.txt ivan@server.example.org:/home/ivan/
rsync -av src/ deploy@host.example.com:www/app/
curl https://user:secret@example.com/path
postgresql://app@db.example.com:5432/prod
amqp://guest:guest@queue.example.net
image: registry/name@sha256.abcdef
logo@2x.png and icon@3x.webp
model@fit.values, obj@slots.list
@user@mastodon.social
x = 83450000000
N = 84950000000; M = 89000000000
ids = [10000000001, 12345678901, 98765432100]
timestamp = 1700000000, 1712345678901
123-456-7890, 555-123-4567, 000-000-0000
100-200-3000 and 202-155-0143
+100500, 3.14159265358979, 1e10
2025550143
0x89161234567, v9161234567"""
PHONES = """{(202) 555-0143}
{202-555-0143}
{202.555.0143}
{1-800-555-0199}
{1 (415) 555-2671}
phone: {2125550187}
Call {646 555 0102}
Call me at {646 555 0102} now
Tel. {+1 416 555 0134}
тел {916-123-45-67}
тел. {916 123 45 67}
телефон: {(495) 123 45 67}
{916-123-45-67}
моб. {9161234567}
звоните по номеру {8 495 1234567}
факс {84951234567}
whatsapp {79161234567}
{89161234567}
{8-800-555-35-35}
тел.: {+7 701 123 45 67}"""
EMAILS = """mailto:{ivan@example.ru}
git config user.email {ivan.petrov@company.dev}
git commit --author="Ivan <{ivan@example.org}>"
email = {ivan@mail.ru}
to: <{jane.doe@corp.example.com}>
// by {jane@uni-muenchen.de}, 2021
Настройте ssh и пишите на {ivan@yandex.ru}.
send(to="{a.b@site.online}")
{ИВАН@ПОЧТА.РФ}
Пишите {ivan@example.ru}Поезд ушёл
{ivan@example.ru} +7
{ivan@example.ru} * * *
C++: {ivan@example.ru}
scp file.txt to me, or mail {bob@school.edu}"""


@pytest.mark.parametrize("text", NOT_PERSONAL.split("\n"))
def test_code_and_addresses_of_servers_are_no_personal_data(text: str) -> None:
    assert [(of.kind, text[of.start : of.end]) for of in find(text, KINDS)] == []


@pytest.mark.parametrize(
    ("kind", "planted"),
    [*(("phone", p) for p in PHONES.split("\n")), *(("email", e) for e in EMAILS.split("\n"))],
)
def test_numbers_and_addresses_of_people_are_found(kind: str, planted: str) -> None:
    start, end = planted.index("{"), planted.index("}") - 1
    text = planted.replace("{", "").replace("}", "")
    assert [(of.kind, of.start, of.end) for of in find(text, KINDS)] == [(kind, start, end)]


def test_columns_tell_what_they_hold() -> None:
    columns = Columns(["email", "phone", "name"])
    columns.add({"question": "Как писать?", "answer": "На a@mail.ru, b@mail.ru", "n": 5})
    columns.add(
        {"messages": [{"role": "user", "content": "(202) 555-0143"}], "answer": "a@mail.ru"}
    )
    columns.add({"note": "c@mail.ru", "answer": "d@mail.ru"}, used="Пишите: d@mail.ru")
    told = [(of.column, of.kind, of.count, of.examples) for of in columns.findings()]
    assert told == [
        ("answer", "email", 4, ("a@mail.ru", "b@mail.ru", "d@mail.ru")),
        ("messages", "phone", 1, ("(202) 555-0143",)),
    ]
    assert Columns([]).findings() == []
