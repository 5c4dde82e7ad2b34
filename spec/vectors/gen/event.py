"""Writes ../event.json: audit events, their leaves and disclosures. See spec/event.md.

Written from the specification alone, with Python's standard library, so that it checks the program rather than
repeating it. Prints the file: python3 event.py > ../event.json
"""
import base64, hashlib, json

SLOTS = [
    ["schema", "id", "time", "action", "kind", "operation", "outcome", "service", "tenant", "trace"],
    ["reason"], ["actor"], ["targets"], ["source"], ["changes"], ["labels"], ["data"], ["raw"],
]
NAMES = ["core", "reason", "actor", "targets", "source", "changes", "labels", "data", "raw"]
ORIGIN = "log.example/audit"


def b64(data):
    return base64.b64encode(data).decode()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def seed_of(name):
    return sha256(b"stele event vector: " + name.encode())


def jcs(value):
    """RFC 8785, for values without fractions."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(jcs(name) + ":" + jcs(value[name]) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def head(major, n):
    """Head of a CBOR item in its shortest form."""
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << (8 * width):
            return bytes([major << 5 | info]) + n.to_bytes(width, "big")


def text(value):
    return head(3, len(value.encode())) + value.encode()


def leaf(type_, received, commitment, labels=None, content=None, marks=None):
    pairs = [head(0, 0) + head(0, 1), head(0, 1) + head(0, type_), head(0, 2) + head(0, received)]
    pairs.append(head(0, 3) + head(2, 32) + commitment)
    if labels:
        members = sorted((text(name), text(value)) for name, value in labels.items())
        pairs.append(head(0, 4) + head(5, len(members)) + b"".join(a + b for a, b in members))
    if content is not None:
        pairs.append(head(0, 5) + content)
    if marks is not None:
        pairs.append(head(0, 6) + head(2, len(marks)) + marks)
    return head(5, len(pairs)) + b"".join(pairs)


def slots_of(event, seed):
    salts = hashlib.shake_256(b"stele/salts/v1\0" + seed).digest(288)
    made = []
    for i, members in enumerate(SLOTS):
        held = {name: event[name] for name in members if name in event}
        salt, value = salts[32 * i:32 * i + 32], held or None
        encoded = jcs(value).encode() if value else b""
        digest = sha256(b"stele/slot/v1\0", salt, bytes([i, 1 if value else 0]), encoded)
        made.append({"salt": salt, "value": value, "digest": digest})
    return made


# Ed25519 as in RFC 8032, 5.1: Python's library has none.
P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202


def add(a, b):
    m = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + m, P - 2, P) % P
    return x, (a[1] * b[1] + a[0] * b[0]) * pow(1 - m, P - 2, P) % P


def times(n):
    result, point = (0, 1), (BASE_X, BASE_Y)
    while n:
        result, point, n = add(result, point) if n & 1 else result, add(point, point), n >> 1
    return (result[1] | (result[0] & 1) << 255).to_bytes(32, "little")


def number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def sign(secret, message):
    half = hashlib.sha512(secret).digest()
    a = (int.from_bytes(half[:32], "little") & (1 << 254) - 8) | 1 << 254
    public = times(a)
    r = number(half[32:], message) % Q
    point = times(r)
    return public, point + ((r + number(point, public, message) * a) % Q).to_bytes(32, "little")


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1", root(leaves[:split]), root(leaves[split:]))


def path(index, leaves):
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return path(index, leaves[:split]) + [root(leaves[split:])]
    return path(index - split, leaves[split:]) + [root(leaves[:split])]


SMALL = {"schema": "audit-event/1", "id": "01K0000000000000000000000A", "time": "2026-11-23T21:00:00Z",
         "action": "user.login", "outcome": "success", "actor": {"type": "user", "id": "u-17"}}
FULL = {
    **SMALL, "id": "order-2041:paid@shop~1", "time": "2026-11-23T21:00:00.123456789Z", "kind": "data",
    "operation": "update", "outcome": "denied", "reason": {"code": "quota", "message": "über dem Limit"},
    "actor": {"type": "service", "id": "billing", "name": "Billing", "groups": ["backend"], "session": "s-1",
              "effective": {"type": "user", "id": "u-17"}},
    "targets": [{"type": "invoice", "id": "2041", "name": "Invoice 2041", "parent": "customer/9"}],
    "source": {"ip": "2001:db8::1", "forwarded": ["203.0.113.9"], "user_agent": "curl/8"},
    "service": {"name": "shop", "version": "1.4.2", "component": "api"}, "tenant": "acme",
    "trace": {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "request_id": "r-1"},
    "changes": [{"path": "/total", "old": 1750, "new": 7150}, {"path": "/note", "new": None}],
    "labels": {"region": "eu", "tier": ""}, "data": {"items": [1, {"sku": "A"}], "gift": False},
    "raw": {"format": "shop/1", "media_type": "application/json", "size": 5, "sha256": b64(sha256(b"{\"a\"}"))},
}
ODD = {**SMALL, "id": "a.b", "data": {
    "\U0001f600": "sorts before the next", "\ue000": "behind it", "": "no name", "__proto__": {"a": 1},
    "a/b~c": [9007199254740991, -9007199254740991, 0], "text": "\" \\ \b \f \n \r \t \u0001 \u001f \x7f \u2028 \u20ac"}}

LEAVES = [
    ("all members", FULL, {}),
    ("the members that every event has", SMALL, {}),
    ("names and texts that are hard to sort and to write", ODD, {}),
    ("public labels", FULL, {"labels": {"service.name": "shop", "operation": "update", "outcome": "denied",
                                        "kind": "data"}}),
    ("marks, for what is to come", SMALL, {"marks": bytes(range(32))}),
    ("an erasure without payload", {}, {"type": 1, "content": head(5, 1) + head(0, 0) + head(4, 1) + head(0, 500)}),
    ("an access with payload", {"reason": {"message": "yearly audit"}}, {"type": 4, "content": head(5, 0)}),
]

DISCLOSURES = [
    ("a whole event", 0, []),
    ("the actor withheld, and raw with it", 0, ["actor"]),
    ("all but the core withheld", 0, NAMES[1:]),
    ("all but the actor withheld", 0, [name for name in NAMES if name != "actor"]),
    ("empty slots shown", 1, []),
    ("names and texts that are hard to sort and to write", 2, []),
    ("public labels, the core shown", 3, ["actor", "source"]),
    ("public labels, the core withheld", 3, ["core"]),
    ("marks", 4, []),
    ("an erasure without payload", 5, []),
    ("an access with payload", 6, []),
    ("the actor of a small event withheld", 1, ["actor"]),
]


def deep(levels):
    return json.dumps({**SMALL, "data": {"a": 0}}).replace('{"a": 0}', '{"a":' * levels + "0" + "}" * levels)


def changed(old, new):
    whole = json.dumps(SMALL)
    assert old in whole
    return whole.replace(old, new)


ACCEPTED = [
    ("32 levels", deep(31)),
    ("space and escapes", changed('"outcome": "success"', '\n"outcome"\t: "s\\u0075ccess"')),
    ("a pair of surrogates", changed('"u-17"', '"\\ud83d\\ude00"')),
]
REFUSED = [
    ("another schema", changed("audit-event/1", "audit-event/2"), "/schema"),
    ("an unknown member", changed('"action"', '"more": 1, "action"'), "/more"),
    ("an unknown member inside", changed('"id": "u-17"', '"id": "u-17", "more": 1'), "/actor/more"),
    ("half a pair of surrogates", changed('"u-17"', '"\\ud83d"'), "/actor/id"),
    ("a member twice", changed('"action"', '"id": "b", "action"'), "/id"),
    ("a member twice, once escaped", changed('"action"', '"\\u0069d": "b", "action"'), "/id"),
    *[(f"the number {n}", changed('"actor"', f'"data": {{"n": [{n}]}}, "actor"'), "/data/n/0")
      for n in ("9007199254740992", "-9007199254740992", "1.5", "1e3", "1E3", "1.0", "-0", "01", "+1", ".5", "NaN")],
    ("33 levels", deep(32), "/data" + "/a" * 31),
    ("no id", changed('"id": "01K0000000000000000000000A", ', ""), "/id"),
    ("an id of digits", changed("01K0000000000000000000000A", "17"), "/id"),
    ("an id that is a route", changed("01K0000000000000000000000A", "tail"), "/id"),
    ("a local time", changed("21:00:00Z", "21:00:00+01:00"), "/time"),
    ("no JSON", "x", ""),
]


def main():
    made = []
    for name, event, rest in LEAVES:
        seed = seed_of(name)
        slots = slots_of(event, seed)
        commitment = sha256(b"stele/event/v1\0", b"\x09", *[slot["digest"] for slot in slots])
        facts = {"type": 0, "received": 1795000000000 + len(made), **rest}
        entry = leaf(facts["type"], facts["received"], commitment, facts.get("labels"), facts.get("content"),
                     facts.get("marks"))
        made.append({"name": name, "event": event, "facts": facts, "seed": seed, "slots": slots,
                     "commitment": commitment, "entry": entry, "leafHash": sha256(b"\0", entry)})
    hashes = [one["leafHash"] for one in made]
    note_text = f"{ORIGIN}\n{len(hashes)}\n{b64(root(hashes))}\n"
    public, signature = sign(seed_of("key of the log"), note_text.encode())
    key_id = sha256(ORIGIN.encode(), b"\n\x01", public)[:4]
    checkpoint = f"{note_text}\n\u2014 {ORIGIN} {b64(key_id + signature)}\n"

    def disclosure(index, withheld):
        one = made[index]
        hidden = set(withheld) | ({"raw"} if withheld else set())
        facts = {name: b64(fact) if isinstance(fact, bytes) else fact for name, fact in one["facts"].items()}
        slots = [
            {"slot": i, "digest": b64(slot["digest"])} if NAMES[i] in hidden
            else {"slot": i, "salt": b64(slot["salt"]), "value": slot["value"]}
            for i, slot in enumerate(one["slots"])
        ]
        receipt = {"index": index, "leafHash": b64(one["leafHash"]), "treeSize": len(hashes),
                   "rootHash": b64(root(hashes)), "inclusionProof": [b64(h) for h in path(index, hashes)],
                   "checkpoint": checkpoint}
        return {"disclosure": {"leafIndex": index, "version": 1, **facts, "slots": slots}, "receipt": receipt}

    hexed = lambda facts: {n: f.hex() if isinstance(f, bytes) else f for n, f in facts.items()}
    print(json.dumps({
        "origin": ORIGIN,
        "vkey": "+".join([ORIGIN, key_id.hex(), b64(b'\x01' + public)]),
        "leaves": [{
            "name": one["name"], "event": json.dumps(one["event"]), **hexed(one["facts"]), "seed": one["seed"].hex(),
            "salts": [slot["salt"].hex() for slot in one["slots"]],
            "values": [jcs(slot["value"]) if slot["value"] else None for slot in one["slots"]],
            "digests": [slot["digest"].hex() for slot in one["slots"]],
            "commitment": one["commitment"].hex(), "entry": one["entry"].hex(), "leafHash": one["leafHash"].hex(),
        } for one in made],
        "disclosures": [{"name": name, "index": index, "withheld": withheld, "file": disclosure(index, withheld)}
                        for name, index, withheld in DISCLOSURES],
        "accepted": [{"name": name, "event": event} for name, event in ACCEPTED],
        "refused": [{"name": name, "event": event, "pointer": pointer} for name, event, pointer in REFUSED],
    }, indent=1))


main()
