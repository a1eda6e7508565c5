"""A third table of secrets in places that the others have not, and of lines that look like secrets and are none.

Knows no redaction. Each line is a place and a template; ``{}`` is where the secret stands.
"""

from __future__ import annotations

from typing import Final

from support.secrets_planted import JSON, Maker, Planted

TEXTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("ansible-var", "application/yaml", "vars:\n  vault_root_password: {}\n"),
    ("argocd", "text/plain", "argocd login x.example --username a --password {}\n"),
    ("az-login", "text/plain", "az login --service-principal -u a --client-secret {}\n"),
    ("bash-array", "text/plain", 'TOKENS=( [api_token]="{}" )\n'),
    ("c-define", "text/plain", '#define API_SECRET_KEY "{}"\n'),
    ("clojure", "text/plain", '{{:client-secret "{}"}}\n'),
    ("cmake", "text/plain", '-DSIGNING_SECRET="{}"\n'),
    ("csharp", "text/plain", 'public const string ClientSecret = "{}";\n'),
    ("csharp-connection", "text/plain", '"Server=db;Database=x;User Id=app;Password={};Encrypt=true"\n'),
    ("curl-data", "text/plain", "curl -d 'client_id=a&client_secret={}' https://x.example/token\n"),
    ("curl-json", "text/plain", 'curl --json \'{{"api_token": "{}"}}\' https://x.example\n'),
    ("curl-cookie", "text/plain", "curl --cookie 'sessionid={}' https://x.example\n"),
    ("dart", "text/plain", "final String accessToken = '{}';\n"),
    ("docker-login", "text/plain", "docker login -u ann --password {} registry.example\n"),
    ("elixir", "text/plain", 'config :app, secret_key_base: "{}"\n'),
    ("envoy", "application/yaml", "headers_to_add:\n- header: {{key: x-api-key, value: {}}}\n"),
    ("erlang", "text/plain", '{{auth_token, "{}"}}.\n'),
    ("fetch-headers", "text/javascript", "headers.set('Authorization', 'Bearer {}');\n"),
    ("gcloud", "text/plain", "gcloud auth activate --access-token={}\n"),
    ("github-output", "text/plain", "::add-mask::x\n::set-output name=deploy_token::{}\n"),
    ("gitconfig", "text/plain", "[http]\n\textraheader = AUTHORIZATION: bearer {}\n"),
    ("gradle", "text/plain", "signing.password={}\nmavenPassword=x\n"),
    ("haskell", "text/plain", 'apiToken = "{}" :: Text\n'),
    ("html-hidden", "text/html", '<input type=hidden name=csrf_token value="{}">'),
    ("html-comment", "text/html", "<!-- api_token: {} -->"),
    ("http-trace", "text/plain", "* Server auth using Bearer with token {}\n> x-auth-token: {}\n"),
    ("java-system", "text/plain", "-Djavax.net.ssl.keyStorePassword={} -Xmx1g\n"),
    ("jenkins", "text/plain", "withCredentials([string(credentialsId: 'a', variable: 'T')])\nAPI_TOKEN: '{}'\n"),
    ("json-array-of-pairs", JSON, '{{"params": [["client_secret", "{}"], ["a", "b"]]}}'),
    ("json-capitals", JSON, '{{"DATA": {{"APITOKEN": "{}"}}}}'),
    ("json-dotted", JSON, '{{"spring.datasource.password": "{}"}}'),
    ("json-k-v", JSON, '{{"env": [{{"k": "ACME_TOKEN", "v": "{}"}}]}}'),
    ("json-long-name", JSON, '{{"third_party_integration_webhook_signing_secret_v2": "{}"}}'),
    ("json-number-in-name", JSON, '{{"api_key_2": "{}"}}'),
    ("json-unicode-quote", JSON, '{{"log": "\\u0022api_token\\u0022: \\u0022{}\\u0022"}}'),
    ("kotlin", "text/plain", 'val clientSecret: String = "{}"\n'),
    ("lua", "text/plain", 'local api_token = "{}"\n'),
    ("nginx", "text/plain", 'proxy_set_header X-Api-Key "{}";\n'),
    ("perl", "text/plain", "$client_secret = '{}';\n"),
    ("proto-text", "text/plain", 'auth_token: "{}"\n'),
    ("psql-env", "text/plain", "PGPASSWORD={} psql -h db\n"),
    ("r-setenv", "text/plain", 'Sys.setenv(OPENAI_API_KEY = "{}")\n'),
    ("rst-field", "text/plain", ":api_token: {}\n"),
    ("scala", "text/plain", 'val secretKey = "{}"\n'),
    ("sip-digest", "text/plain", 'Authorization: Digest username="a", nonce="{}", uri="/"\n'),
    ("sql-insert", "text/plain", "INSERT INTO t (user, api_token) VALUES ('ann', '{}');\n"),
    ("systemd", "text/plain", 'Environment="API_TOKEN={}"\n'),
    ("telnet", "text/plain", "login: ann\r\nPassword: {}\r\n"),
    ("toml-key-quoted", "text/plain", '"api-token" = "{}"\n'),
    ("tsx", "text/javascript", "<Client apiToken='{}' />\n"),
    ("typescript", "text/javascript", "const cfg: Config = {{ clientSecret: '{}' }};\n"),
    ("url-encoded-json", "text/plain", "data=%7B%22client_secret%22%3A%22{}%22%7D\n"),
    ("wp-config", "text/plain", "define( 'DB_PASSWORD', '{}' );\n"),
    ("xml-namespaced", "text/xml", "<a:AccessToken xmlns:a='b'>{}</a:AccessToken>"),
    ("xmlrpc", "text/xml", "<member><name>api_token</name><value><string>{}</string></value></member>"),
    ("yaml-anchor", "application/yaml", "api_token: &t {}\n"),
    ("yaml-tag", "application/yaml", "client_secret: !!str {}\n"),
    ("yaml-list", "application/yaml", "tokens:\n  - api_token: {}\n"),
    ("yaml-comment", "application/yaml", "# old api_token: {}\nx: 1\n"),
    ("zsh", "text/plain", "typeset -x API_TOKEN={}\n"),
)
HARMLESS: Final = {
    "asn": "OID 1.2.840.113549.1.1.{n}; AS6450{n}; BGP community 64500:{n}\n",
    "barcode": "EAN 40063813339{n} ISBN 978-3-16-14841{n}-0 DOI 10.1038/s41586-020-26{n}-9\n",
    "build": "Build cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64 #{n}.b7\n",
    "c-names": "static int SSL_CTX_use_PrivateKey_file_{n}(SSL_CTX *ctx, const char *file, int type);\n",
    "chess": "r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 4 {n}\n",
    "chemistry": "C{n}H22N6O5S InChIKey=RYYVLZVUVIJVGH-UHFFFAOYSA-N SMILES CN1C=NC2=C1C(=O)N(C)C(=O)N2C\n",
    "class-names": "AbstractSingletonProxyFactoryBean{n} AuthenticationTokenProviderFactory SecretKeySpecImpl\n",
    "color": "--token-color-{n}: oklch(62.8% 0.25 29.2); key-color: #1f2937cc; fill: url(#gradient-{n}a);\n",
    "coordinates": "48.8584{n}N 2.2945E; geo:37.786971,-122.399677;u=35; 8FVC9G8F+6W\n",
    "crontab": "*/{n} 2-6 1,15 * 1-5 /usr/bin/rotate-api-keys --all\n",
    "dna": "ATGGCCATTGTAATGGGCCGCTGAAAGGGTGCCCGATAG{n}\n",
    "docker-image": "registry.example/team/auth-token-service:2024.11.{n}-rc1@sha256:{sha256}\n",
    "etag": 'ETag: W/"{hex32}-gzip"; Last-Modified: Mon, 0{n} Jan 2024\n',
    "exception": "KeyError: 'access_token_{n}' at TokenStore.get_secret_key(TokenStore.java:{n})\n",
    "flight": "PNR is six letters; LH4{n} FRA-JFK B748 D-ABYT seat 1{n}A\n",
    "font": "font-family: 'Inter var', ui-sans-serif; src: url(/fonts/Inter-roman.var.woff2?v=3.{n})\n",
    "function-call": "generate_secret_key(length={n}, alphabet=string.ascii_letters + string.digits)\n",
    "git-log": "commit {sha1} (tag: v2.{n}.0)\nMerge: {short} {short}\n",
    "gherkin": "Given an expired access token\nWhen the client sends password {n} times\nThen the key is refused\n",
    "graphql": "type Token {{ key: String! secret: Secret @auth(requires: ADMIN_{n}) }}\n",
    "hostnames": "ip-10-0-1-{n}.eu-west-1.compute.internal a1b2-node-{n}.cluster-xyz.example\n",
    "i18n": '{{"password.label": "Passwort", "token.expired": "Ihr Token ist abgelaufen ({n})"}}\n',
    "intervals": "2024-01-{n}T10:20:30Z/P1Y2M10DT2H30M RRULE:FREQ=WEEKLY;BYDAY=MO\n",
    "ipv6": "2001:db8:85a3::8a2e:370:73{n} fe80::1ff:fe23:4567:890a%eth{n} 00:1B:44:11:3A:B7\n",
    "jsonpath": "$.store.tokens[?(@.key=='id_{n}')].secret_name\n",
    "kubernetes": "secretKeyRef: {{name: db-credentials-{n}, key: password}}\n",
    "latex": "\\newcommand{{\\secretkey}}{{\\mathsf{{sk}}_{n}}} \\textbf{{key}}$_{{i+1}}$\n",
    "license": "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception # {n}\n",
    "locale": "zh-Hant-TW-u-co-stroke; de-DE-1996; sr-Latn-RS; key={n}\n",
    "makefile": '$(API_KEY_FILE): ; @test -n "$$API_KEY" || (echo missing token {n}; exit 1)\n',
    "music": "key: C#m7b5 tempo: {n} X:1 T:Secret K:Dmaj |:A2FA DAFA|\n",
    "opcode": "0x7ffe{n}a0 mov rax, qword ptr [rbp-0x{n}] ; key schedule\n",
    "openapi": "securitySchemes: {{ApiKeyAuth: {{type: apiKey, in: header, name: X-API-Key-{n}}}}}\n",
    "param-docs": ":param api_key: the key of the account, a string of {n} characters\n:type password: str | None\n",
    "regex": "^(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9!@#$]{{8,{n}}}$ is what a password must match\n",
    "release": "openssl-3.0.{n}-1.el9_2.x86_64.rpm krb5-auth-dialog-43.0-{n}.fc39\n",
    "rfc": "RFC 67{n} section 4.3.1: the token endpoint; draft-ietf-oauth-dpop-16\n",
    "semver": "token-bucket@^4.{n}.0 ~1.2.3-beta.4+exp.sha.5114f85 secret-sauce>=2.0,<{n}\n",
    "sql-schema": "password_hash CHAR({n}) NOT NULL, api_key_id BIGINT REFERENCES api_keys(id),\n",
    "terminal": "\x1b[1;31mtoken\x1b[0m expired, key \x1b[{n}mrotated\x1b[K\n",
    "tests": 'assert client.login(password="wrong-password") == 401  # {n}\n',
    "urls": "https://pkg.example/auth/v2@v2.{n}.1+incompatible/token/cache.go#L{n}-L99\n",
    "vin": "engine 2.0TDI-CR150 model W203-C180K part 8K0-941-597-E{n}\n",
    "youtube": "https://video.example/watch?v=dQw4w9WgXcQ&t={n}s&list=PLx0sYbCqOb8TBPRdmBHs5Iftvv9TPboYG\n",
}


def planted_new() -> list[Planted]:
    """All of them."""
    make = Maker(43)
    return [_planted(name, kind, text, make.word()) for name, kind, text in TEXTS]


def _planted(name: str, kind: str, text: str, secret: str) -> Planted:
    return Planted(f"new-{name}", secret, answer=text.replace("{}", "{0}").format(secret).encode(), answer_kind=kind)
