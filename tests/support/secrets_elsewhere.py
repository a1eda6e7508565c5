"""More secrets made up by code, in places that the first table has not: protocols, files, encodings, pages, logs.

Knows no redaction. Each line is a place and a template; ``{}`` is where the secret stands.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from support.secrets_planted import JSON, Maker, Planted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HEADERS: Final = (
    *("X-Hasura-Admin-Secret", "X-Parse-REST-API-Key", "X-Parse-Session-Token", "X-Appwrite-Key", "X-Meili-API-Key"),
    *("Xi-Api-Key", "X-Pinecone-Key", "X-Qdrant-Api-Key", "X-Cohere-Token", "X-Portkey-Api-Key", "X-LiteLLM-Key"),
    *(
        "X-Shopify-Storefront-Access-Token",
        "X-Sentry-Token",
        "X-Mashape-Key",
        "X-Rollbar-Access-Token",
        "X-JFrog-Art-Api",
    ),
    *("X-NuGet-ApiKey", "X-Circle-Token", "Circle-Token", "Travis-Token", "X-Buildkite-Token", "X-Terraform-Token"),
    *("X-Okta-Session-Token", "X-Wix-Access-Token", "X-Trello-Secret", "X-Zendesk-Password", "X-Ms-Client-Secret"),
    *("X-Forwarded-Authorization", "X-Original-Authorization", "X-Amzn-Oidc-Accesstoken", "X-Nonce-Signature"),
    *("Sec-WebSocket-Protocol-Token", "X-Refresh-Token", "X-Id-Token", "X-Device-Secret", "X-User-Apikey"),
)
TEXTS: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "graphql-variables",
        JSON,
        '{{"query": "mutation L($p: String!) {{ a(p: $p) }}", "variables": {{"apiToken": "{}"}}}}',
    ),
    ("graphql-literal", JSON, '{{"query": "mutation {{ login(user: \\"ann\\", password: \\"{}\\") {{ id }} }}"}}'),
    ("json-rpc", JSON, '{{"jsonrpc": "2.0", "id": 1, "method": "auth.login", "params": {{"clientSecret": "{}"}}}}'),
    ("mcp-env", JSON, '{{"jsonrpc": "2.0", "params": {{"env": {{"SLACK_BOT_TOKEN": "{}"}}}}}}'),
    ("mcp-arguments", JSON, '{{"method": "tools/call", "params": {{"arguments": {{"db_password": "{}"}}}}}}'),
    ("mcp-config", JSON, '{{"mcpServers": {{"x": {{"args": ["--api-key", "{}"]}}}}}}'),
    ("arguments-equals", JSON, '{{"args": ["run", "--token={}", "-v"]}}'),
    ("arguments-after", JSON, '{{"command": "tool --password {} --verbose"}}'),
    ("docker-e", JSON, '{{"command": "docker run -e ACME_TOKEN={} image"}}'),
    ("cookies-in-json", JSON, '{{"cookies": {{"sessionid": "{}", "lang": "en"}}}}'),
    ("cookie-list", JSON, '{{"cookies": [{{"name": "sessionid", "value": "{}", "domain": "x.example"}}]}}'),
    ("cookie-line", JSON, '{{"headers": {{"cookie": "lang=en; sid={}"}}}}'),
    ("set-cookie-list", JSON, '{{"headers": [["Set-Cookie", "sid={}; Path=/"]]}}'),
    ("har-header", JSON, '{{"headers": [{{"name": "Authorization", "value": "Bearer {}"}}]}}'),
    ("har-query", JSON, '{{"queryString": [{{"name": "access_token", "value": "{}"}}]}}'),
    ("value-before-name", JSON, '{{"value": "{}", "name": "API_TOKEN"}}'),
    ("json5", "text/plain", "{{api_key: '{}', n: 1,}}"),
    ("json-comment", "text/plain", '{{"a": 1, // comment\n "auth_token": "{}"}}'),
    ("ndjson", "application/x-ndjson", '{{"a": 1}}\n{{"user": "ann", "refresh_token": "{}"}}\n'),
    ("json-seq", "application/json-seq", '\x1e{{"a": 1}}\n\x1e{{"access_token": "{}"}}\n'),
    ("json-in-json-in-form", "application/x-www-form-urlencoded", "payload=%7B%22api_token%22%3A%20%22{}%22%7D"),
    (
        "json-twice-in-form",
        "application/x-www-form-urlencoded",
        "p=%257B%2522api_token%2522%253A%2522{}%2522%257D",
    ),
    ("form-in-json", JSON, '{{"body": "grant_type=password&password={}&scope=a"}}'),
    ("url-in-json", JSON, '{{"next": "https://x.example/a?access_token={}&b=1"}}'),
    ("url-escaped-slashes", JSON, '{{"next": "https:\\/\\/x.example\\/a?api_key={}"}}'),
    ("url-fragment", JSON, '{{"redirect": "https://x.example/cb#access_token={}&token_type=bearer"}}'),
    ("url-userinfo", JSON, '{{"git": "https://oauth2:{}@git.example/o/r.git"}}'),
    ("url-matrix", JSON, '{{"u": "https://x.example/a;jsessionid={}?b=1"}}'),
    ("redis", "text/plain", "REDIS_URL=redis://:{}@cache.example:6379/0\n"),
    ("amqp", "text/plain", "broker: amqps://app:{}@mq.example/vhost\n"),
    ("mongodb", "text/plain", 'uri = "mongodb+srv://app:{}@db.example/?retryWrites=true"\n'),
    ("jdbc", "text/plain", "jdbc:postgresql://db.example/x?user=app&password={}\n"),
    ("dsn-libpq", "text/plain", "host=db.example user=app password={} dbname=x\n"),
    ("sentry-dsn", "text/plain", "SENTRY_DSN=https://{}@o1.ingest.example/1\n"),
    ("service-bus", "text/plain", "Endpoint=sb://x.example/;SharedAccessKeyName=Root;SharedAccessKey={}\n"),
    ("smtp", "text/plain", "AUTH PLAIN; password: {}\r\n"),
    ("redis-auth", "text/plain", "AUTH default {}\r\n"),
    ("toml-quoted", "text/plain", '[a.b]\nclient_secret = "{}"\n'),
    ("toml-inline", "text/plain", 'auth = {{ user = "a", password = "{}" }}\n'),
    ("ini-colon", "text/plain", "[s]\napi_token: {}\n"),
    ("properties", "text/plain", "spring.datasource.password={}\n"),
    ("properties-spaces", "text/plain", "aws.secretKey = {}\n"),
    ("dotenv-export", "text/plain", 'export OPENAI_KEY="{}"\n'),
    ("fish", "text/plain", "set -x GITHUB_TOKEN {}\n"),
    ("powershell", "text/plain", '$env:API_KEY = "{}"\n'),
    ("cmd", "text/plain", "set API_TOKEN={}\r\n"),
    ("dockerfile", "text/plain", "ENV API_TOKEN {}\n"),
    ("dockerfile-arg", "text/plain", "ARG NPM_TOKEN={}\n"),
    ("netrc", "text/plain", "machine x.example login ann password {}\n"),
    ("npmrc", "text/plain", "//registry.example/:_authToken={}\n"),
    ("pypirc", "text/plain", "[pypi]\nusername = __token__\npassword = {}\n"),
    ("pip-conf", "text/plain", "index-url = https://ann:{}@pypi.example/simple\n"),
    ("pgpass", "text/plain", "db.example:5432:*:app:{}\n"),
    ("htpasswd-log", "text/plain", "passwd={}\n"),
    ("kubeconfig", "application/yaml", "users:\n- name: a\n  user:\n    token: {}\n"),
    ("yaml-quoted", "application/yaml", "client-secret: '{}'\n"),
    ("yaml-flow", "application/yaml", "auth: {{user: a, password: {}}}\n"),
    ("yaml-block", "application/yaml", "api_key: |\n  {}\n"),
    ("compose", "application/yaml", "environment:\n  - POSTGRES_PASSWORD={}\n"),
    ("actions", "application/yaml", "env:\n  NPM_TOKEN: {}\n"),
    ("helm-set", "text/plain", "helm install x --set auth.password={}\n"),
    ("terraform", "text/plain", 'variable "x" {{}}\n  access_key = "{}"\n'),
    ("hcl-block", "text/plain", 'provider "x" {{ token = "{}" }}\n'),
    ("tfstate", JSON, '{{"outputs": {{"db_password": {{"value": "{}", "type": "string"}}}}}}'),
    ("python", "text/x-python", 'client = Client(api_key="{}", timeout=3)\n'),
    ("python-dict", "text/x-python", "os.environ['ACME_TOKEN'] = '{}'\n"),
    ("python-bytes", "text/x-python", "SECRET_KEY = b'{}'\n"),
    ("javascript-const", "text/javascript", 'const authToken = "{}";\n'),
    ("javascript-template", "text/javascript", "fetch(url, {{headers: {{'X-Api-Key': `{}`}}}})\n"),
    ("javascript-storage", "text/javascript", "localStorage.setItem('refresh_token', '{}')\n"),
    ("java", "text/plain", 'private static final String API_SECRET = "{}";\n'),
    ("go", "text/plain", 'cfg.ClientSecret = "{}"\n'),
    ("go-short", "text/plain", 'apiToken := "{}"\n'),
    ("ruby", "text/plain", "config.secret_key_base = '{}'\n"),
    ("ruby-hash", "text/plain", "{{ :api_token => '{}' }}\n"),
    ("php", "text/plain", "define('AUTH_KEY', '{}');\n"),
    ("php-array", "text/plain", "['client_secret' => '{}']\n"),
    ("rust", "text/plain", 'let api_key: &str = "{}";\n'),
    ("swift", "text/plain", 'let clientSecret: String = "{}"\n'),
    ("sql", "text/plain", "CREATE USER app WITH PASSWORD '{}';\n"),
    ("sql-identified", "text/plain", "CREATE USER app IDENTIFIED BY '{}';\n"),
    ("sql-update", "text/plain", "UPDATE u SET api_token = '{}' WHERE id = 1;\n"),
    ("html-script", "text/html", '<script>window.CSRF_TOKEN = "{}";</script>'),
    ("html-attribute", "text/html", "<body data-session-token='{}'>"),
    ("html-value-first", "text/html", '<input value="{}" type="hidden" name="authenticity_token">'),
    ("html-meta-content-first", "text/html", '<meta content="{}" name="csrf-token">'),
    ("html-escaped-json", "text/html", '<div data-props="{{&quot;apiToken&quot;:&quot;{}&quot;}}"></div>'),
    ("html-link", "text/html", '<a href="/reset?a=1&amp;reset_token={}">x</a>'),
    ("xml-cdata", "text/xml", "<apiKey><![CDATA[{}]]></apiKey>"),
    ("xml-attribute-single", "text/xml", "<connection authToken='{}'/>"),
    ("xml-key-value", "text/xml", '<add key="ClientSecret" value="{}"/>'),
    ("xml-escaped", "text/xml", "<m>&lt;password&gt;{}&lt;/password&gt;</m>"),
    ("soap-nonce", "text/xml", '<o:BinarySecurityToken EncodingType="b">{}</o:BinarySecurityToken>'),
    ("csv-semicolons", "text/csv", "user;password;age\nann;{};7\n"),
    ("csv-quoted", "text/csv", '"user","api_token"\n"ann","{}"\n'),
    ("tsv", "text/plain", "user\tapi_token\nann\t{}\n"),
    ("markdown-table", "text/markdown", "| name | value |\n|---|---|\n| API_TOKEN | {} |\n"),
    ("markdown-code", "text/markdown", "Set `API_TOKEN={}` first.\n"),
    ("logfmt", "text/plain", 'level=info user=ann auth_token="{}" ms=3\n'),
    ("log-json", "text/plain", '2026-01-01 INFO {{"sessionToken":"{}"}}\n'),
    ("log-repr", "text/plain", "DEBUG headers=CIMultiDict('Authorization': 'Bearer {}')\n"),
    ("log-tuple", "text/plain", "send: [(b'x-api-key', b'{}')]\n"),
    ("log-arrow", "text/plain", "apiToken -> {}\n"),
    ("log-object", "text/plain", "User(name='ann', password='{}')\n"),
    ("http-dump", "text/plain", "POST / HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {}\r\n\r\n"),
    ("http2-dump", "text/plain", "[authorization: Bearer {}]\n"),
    ("httpie", "text/plain", "http x.example X-Api-Key:{}\n"),
    ("wget", "text/plain", "wget --password={} https://x.example\n"),
    ("mysql", "text/plain", "mysql -u app -p{} db\n"),
    ("sshpass", "text/plain", "sshpass -p {} ssh a@b\n"),
    ("aws-configure", "text/plain", "aws_session_token = {}\n"),
    ("vcard", "text/plain", "X-API-TOKEN:{}\r\n"),
    ("ldif", "text/plain", "userPassword: {}\n"),
    ("otpauth", "text/plain", "otpauth://totp/x:ann?secret={}&issuer=x\n"),
    ("signed-url", "text/plain", "https://s3.example/a?X-Amz-Security-Token={}&X-Amz-Date=1\n"),
    ("sas-url", "text/plain", "https://a.blob.example/c?sv=2024&sig={}\n"),
    ("diff", "text/plain", "-api_key = None\n+api_key = '{}'\n"),
)


def planted_elsewhere() -> list[Planted]:
    """All of them."""
    make = Maker(41)
    return [*_headers(make), *in_texts("elsewhere", TEXTS, make), *_places(make), *_bodies(make)]


def in_texts(prefix: str, texts: Iterable[tuple[str, str, str]], make: Maker) -> Iterator[Planted]:
    """A secret in each of these answers."""
    for name, kind, text in texts:
        secret = make.word()
        yield Planted(f"{prefix}-{name}", secret, answer=text.format(secret, secret).encode(), answer_kind=kind)


def _headers(make: Maker) -> Iterator[Planted]:
    for name in HEADERS:
        secret = make.word()
        yield Planted(f"elsewhere-header-{name}", secret, headers=((name, secret),))


def _places(make: Maker) -> Iterator[Planted]:
    fields: tuple[tuple[str, str, str], ...] = (
        ("link", "Link", "<https://x.example/a?page_token=1&access_token={}>; rel=next"),
        ("refresh", "Refresh", "0; url=https://x.example/?session_token={}"),
        ("set-cookie-2", "Set-Cookie2", "sid={}; Version=1"),
        ("authentication-info", "Authentication-Info", 'nextnonce="{}"'),
        ("disposition", "Content-Disposition", 'attachment; filename="a.txt?token={}"'),
        ("policy-report", "Report-To", '{{"url": "https://x.example/?api_key={}"}}'),
        ("cookie-json", "Set-Cookie", "prefs=%7B%22token%22%3A%22{}%22%7D; Path=/"),
        ("sourcemap", "SourceMap", "https://x.example/a.map?auth_token={}"),
        ("echo", "X-Request-Headers", "x-api-key={}; accept=*"),
    )
    for name, field, text in fields:
        secret = make.word()
        yield Planted(f"elsewhere-field-{name}", secret, answer_headers=((field, text.format(secret)),))
    asked: tuple[tuple[str, str, str], ...] = (
        ("cookie-2", "Cookie2", "sid={}"),
        ("digest", "Authorization", 'Digest username="ann", response="{}"'),
        ("hawk", "Authorization", 'Hawk id="a", mac="{}"'),
        ("aws", "Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/a, SignedHeaders=host, Signature={}"),
        ("oauth-1", "Authorization", 'OAuth oauth_consumer_key="a", oauth_signature="{}"'),
        ("websocket", "Sec-WebSocket-Protocol", "graphql-ws, bearer.{}"),
        ("referer", "Referer", "https://x.example/?id_token={}"),
        ("baggage", "Baggage", "user=ann,session_token={}"),
        ("own-scheme", "Authorization", "Acme-Token {}"),
        ("no-scheme", "Authorization", "{}"),
    )
    for name, field, text in asked:
        secret = make.word()
        yield Planted(f"elsewhere-asked-{name}", secret, headers=((field, text.format(secret)),))
    paths = (
        ("matrix", "/a;jsessionid={}/b"),
        ("named-segment", "/reset/token/{}"),
        ("equals-segment", "/a/api_key={}/b"),
        ("twice-escaped", "/a?u=https%253A%252F%252Fx%253Faccess_token%253D{}"),
        ("json-in-query", "/a?v=%7B%22api_token%22%3A%22{}%22%7D"),
        ("brackets", "/a?auth%5Btoken%5D={}"),
        ("semicolons", "/a?x=1;access_token={}"),
    )
    for name, path in paths:
        secret = make.word()
        yield Planted(f"elsewhere-path-{name}", secret, path.format(secret))


def _bodies(make: Maker) -> Iterator[Planted]:
    for name, pack in PACKINGS.items():
        secret = make.word()
        data = json.dumps({"user": "ann", "api_token": secret})
        yield Planted(f"elsewhere-packed-{name}", secret, answer=pack(data), answer_kind="application/octet-stream")
    kind = "multipart/mixed; boundary=b0"
    inner = '--b1\r\nContent-Disposition: form-data; name="password"\r\n\r\n{}\r\n--b1--\r\n'
    parts = (
        ("nested", "--b0\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n" + inner + "--b0--\r\n"),
        ("preamble", "api_token={}\r\n--b0\r\n\r\nx\r\n--b0--\r\n"),
        ("file-name", '--b0\r\nContent-Disposition: form-data; name="f"; filename="a?token={}"\r\n\r\nx\r\n--b0--\r\n'),
        ("batched", "--b0\r\nContent-Type: application/http\r\n\r\nGET /a?access_token={} HTTP/1.1\r\n\r\n--b0--\r\n"),
    )
    for name, part in parts:
        secret = make.word()
        yield Planted(f"elsewhere-part-{name}", secret, body=part.format(secret).encode(), kind=kind)
    for name, events in STREAMS.items():
        secret = make.word()
        told = events.replace("SECRET", secret).encode()
        yield Planted(f"elsewhere-stream-{name}", secret, answer=told, answer_kind="text/event-stream")
    for name, event in LANES.items():
        secret = f"sk-{make.word(48)}"
        pieces = [secret[at : at + 4] for at in range(0, len(secret), 4)]
        body = "".join(f"data: {json.dumps(event(each))}\n\n" for each in pieces)
        yield Planted(f"elsewhere-lane-{name}", secret, answer=body.encode(), answer_kind="text/event-stream")


PACKINGS: Final[dict[str, Callable[[str], bytes]]] = {
    "base64": lambda data: base64.b64encode(data.encode()),
    "base64-url": lambda data: base64.urlsafe_b64encode(data.encode()).rstrip(b"="),
    "base64-in-json": lambda data: json.dumps({"blob": base64.b64encode(data.encode()).decode()}).encode(),
    "data-url": lambda data: b"data:application/json;base64," + base64.b64encode(data.encode()),
    "hex": lambda data: data.encode().hex().encode(),
    "percent": lambda data: quote(data, safe="").encode(),
    "percent-twice": lambda data: quote(quote(data, safe=""), safe="").encode(),
    "utf-32": lambda data: data.encode("utf-32"),
    "utf-8-mark": lambda data: b"\xef\xbb\xbf" + data.encode(),
    "gzip-twice": lambda data: gzip.compress(gzip.compress(data.encode(), mtime=0), mtime=0),
    "html": lambda data: data.replace('"', "&#34;").encode(),
    "json-escapes": lambda data: data.replace('"', "\\u0022").encode(),
    "msgpack": lambda data: b"\x82\xa4user\xa3ann\xa9api_token\xd9\x20" + data.split('"')[-2].encode(),
    "cbor": lambda data: b"\xa1\x69api_token\x78\x20" + data.split('"')[-2].encode(),
    "bson": lambda data: b"\x36\0\0\0\x02api_token\0\x21\0\0\0" + data.split('"')[-2].encode() + b"\0\0",
    "pickle": lambda data: b"\x80\x04}\x8c\tapi_token\x94\x8c\x20" + data.split('"')[-2].encode() + b"\x94s.",
}
STREAMS: Final = {
    "comment": ": api_key=SECRET\n\ndata: x\n\n",
    "event-name": "event: token=SECRET\ndata: x\n\n",
    "retry-data": 'retry: 3\ndata: {"session_token": "SECRET"}\n\n',
    "two-data-lines": 'data: {"api_token":\ndata: "SECRET"}\n\n',
    "bare-carriage-returns": 'data: {"api_token": "SECRET"}\r\rdata: x\r\r',
    "no-space": 'data:{"api_token":"SECRET"}\n\n',
    "json-in-data-string": 'data: {"x": "{\\"client_secret\\": \\"SECRET\\"}"}\n\n',
}
LANES: Final[dict[str, Callable[[str], object]]] = {
    "list": lambda piece: [piece],
    "patch": lambda piece: {"p": "/message/content/parts/0", "o": "append", "v": piece},
    "nested": lambda piece: {"a": {"b": [{"c": {"msg": piece}}]}},
    "two-candidates": lambda piece: {"candidates": [{"i": 0, "text": piece}, {"i": 1, "text": "x"}]},
    "numbered": lambda piece: {"seq": 7, "chunk": piece, "id": "msg_7"},
    "audio": lambda piece: {"type": "transcript.delta", "item_id": "a", "words": piece},
}
