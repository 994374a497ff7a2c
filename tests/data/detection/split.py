#!/usr/bin/env python3
"""Compact records to the corpus: checks them, drops near-duplicates, splits by conversation, always the same way.

    split.py SOURCE OUT          SOURCE holds one folder for each writer, with *.jsonl in the compact form
    split.py SOURCE OUT MORE     the same for records that are added later: they are compared with those that lie in OUT
                                 already, which stay as they are, and written to MORE.jsonl, MORE_frozen.jsonl and, of
                                 ordinary talk, MORE_ordinary.jsonl and MORE_ordinary_frozen.jsonl

A compact record, one JSON object a line: b body; c context, oldest first, each "C:", "W:", "O:" or "B:" and the text;
s sender (client, worker, other, bot; default client); r room_type (default direct); l the labels that are true;
d, q, a, t deliverable, quantity, amount, deadline, exactly as in the body; g key of the conversation or of the minimal
pair; n note; w and m account numbers and display names of the worker. Files whose name contains "ordinary" hold ordinary
talk (no label true).

SOURCE may also have *.txt: whole talks as they come, one message a line (a line break in it is \\n), of which each message
is a record with the six before it. A talk begins with "=== direct | note" or "=== group | note | W name [account]", the
worker's; a message is "C: text", or "C[nd]: text" with the codes of its labels (in the order of LABELS: n s p c d o e),
and below one that asks for work "#d words #q words #a words #t words", its terms.

Writes train.jsonl, frozen.jsonl, ordinary.jsonl and ordinary_frozen.jsonl into OUT, prints counts, and lists in
SOURCE/VIOLATIONS.txt what it left out and why, by file and line, without the text.

The frozen fifth is there to be scored once. Nothing of it is printed here.
"""

import hashlib
import json
import math
import pathlib
import re
import sys
import unicodedata

LABELS = [
    "new_request", "start_before_escrow", "off_platform_payment", "contact_exchange", "off_platform_delivery",
    "contract_posted", "escrow_claimed",
]
ROLES = {"C": "client", "W": "worker", "O": "other", "B": "bot"}
TERMS = {"d": "deliverable", "q": "quantity", "a": "amount", "t": "deadline"}
CODES = dict(zip("nspcdoe", LABELS))
NEAR = 0.8
PARTS = 5
# Writers agree on what a term is, and not on whether 「20点」 or 「20点ほど」 is copied: as most of them and the first corpus
# have it, what stands right before or behind belongs to it.
BEFORE = {"quantity": "約|およそ|計|合計|全|各", "amount": "約|およそ"}
BEHIND = {
    "quantity": "ほど|くらい|ぐらい|程度|前後|ばかり|ばかし|分(?!け|析|担|類|割|量|野|厚|解|岐|配|散)|ぶん|ずつ|弱",
    "amount": "ほど|くらい|ぐらい|程度|前後|以内|弱",
    "deadline": "いっぱい|中(?=に|で|ま|、|。|だ|希|を|の納|$)|じゅう|のうち|以内",
}


def compact_to_record(raw, ordinary):
    """The full record, or a list of what is wrong with the compact one."""
    wrong = []
    unknown = set(raw) - set("bcsrldqatgnwm")
    if unknown:
        wrong.append(f"unknown keys {sorted(unknown)}")
    body = raw.get("b")
    if not isinstance(body, str) or not body.strip():
        return None, ["no body"]
    sender, room = raw.get("s") or "client", raw.get("r") or "direct"
    if sender not in ROLES.values():
        wrong.append(f"unknown sender {sender!r}")
    if room not in ("direct", "group"):
        wrong.append(f"unknown room_type {room!r}")
    context = []
    for line in raw.get("c") or []:
        who, _, text = line.partition(":")
        if who not in ROLES or not text:
            wrong.append("a line of context without C:, W:, O: or B:")
            continue
        context.append({"sender_role": ROLES[who], "body": text.removeprefix(" ")})
    if len(context) > 6:
        context = context[-6:]
    said = raw.get("l") or []
    wrong += [f"unknown label {label!r}" for label in said if label not in LABELS]
    labels = {label: label in said for label in LABELS}
    if ordinary and said:
        wrong.append("a label in a file of ordinary talk")
    if labels["new_request"] and sender in ("worker", "bot"):
        wrong.append("new_request of a worker or a bot (ruling 1)")
    terms = {}
    for key, name in TERMS.items():
        value = raw.get(key) or None
        terms[name] = value
        if value is None:
            continue
        if not labels["new_request"]:
            wrong.append(f"{name} without new_request")
        elif value not in body:
            wrong.append(f"{name} is not in the body")
        else:
            terms[name] = edges(name, value, body)
    record = {
        "room_type": room, "sender_role": sender, "body": body, "context": context, "labels": labels,
        "terms": terms, "note": raw.get("n") or "",
    }
    record |= {name: raw[key] for key, name in (("w", "workers"), ("m", "worker_names")) if raw.get(key)}
    return record, wrong


def compact_file(path):
    """(line, compact record or None, ordinary, key of its conversation) of each record of a file."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if path.suffix == ".txt":
        yield from talks(lines)
        return
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
        except ValueError:
            raw = None
        if not isinstance(raw, dict):
            raw = None
        yield number, raw, "ordinary" in path.name, raw and raw.get("g")


def talks(lines):
    """The same of whole talks.

    >>> lines = ["=== group | a shop | W Ito [7]", "C: thanks", "W: fine", "C[no]: [To:7] 2 banners\\\\nposted", "#d banners #q 2"]
    >>> [(number, raw["b"], len(raw["c"])) for number, raw, *_ in talks(lines)]
    [(2, 'thanks', 0), (3, 'fine', 1), (4, '[To:7] 2 banners\\nposted', 2)]
    >>> *_, (_, raw, ordinary, talk) = talks(lines)
    >>> raw["l"], raw["d"], raw["q"], raw["w"], raw["m"], ordinary, talk
    (['new_request', 'contract_posted'], 'banners', '2', [7], ['Ito'], False, 1)
    >>> compact_to_record(raw, ordinary)[1]
    []
    """
    room, talk, said, known, raws = None, 0, [], {}, []
    for number, line in enumerate(lines, 1):
        if line.startswith("==="):
            room, talk, said = line.strip("= ").split("|")[0].strip(), talk + 1, []
            worker = re.search(r"\| *W +([^|\[]*?) *(?:\[(\d+)\])?$", line.strip())
            name, account = worker.groups() if worker else ("", None)
            # The program knows its owner's account: where nobody calls it, it is none of those that are called.
            known = {"m": [name] if name else [], "w": [int(account or 1)]} if room == "group" else {}
        elif message := re.match(r"([CWOB])(?:\[([a-z]*)\])?[:：] ?(.*)$", line):
            who, codes, body = message[1], message[2] or "", message[3].replace("\\n", "\n")
            labels = [CODES.get(code, code) for code in codes]
            raw = {"b": body, "c": said[-6:], "s": ROLES[who], "r": room, "l": labels} | known
            raws.append((number, raw, False, talk))
            said = [*said, f"{who}: {body}"]
        elif line.startswith("#") and said and raws[-1][1]:
            raws[-1][1].update(re.findall(r"#([dqat])\s+(.*?)(?=\s*#[dqat]\s|\s*$)", line))
        elif line.strip():
            raws.append((number, None, False, talk))
    yield from raws


def edges(name, value, body):
    """The term with what belongs to it on both sides."""
    at = body.find(value)
    before = re.search(f"(?:{BEFORE.get(name, '(?!)')})$", body[:at])
    behind = re.match(f"(?:{BEHIND.get(name, '(?!)')})+", body[at + len(value):])
    return (before[0] if before else "") + value + (behind[0] if behind else "")


def grams(text):
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).lower())
    return {text[at:at + 5] for at in range(max(1, len(text) - 4))}


def similar(one, other):
    return len(one & other) >= NEAR * len(one | other)


def context_text(record):
    return "\n".join(f"{it['sender_role']}:{it['body']}" for it in record["context"])


class Groups:
    """Conversations; those that share a context or nearly a body become one."""

    def __init__(self):
        self.up = {}

    def root(self, key):
        self.up.setdefault(key, key)
        while self.up[key] != key:
            self.up[key] = self.up[self.up[key]]
            key = self.up[key]
        return key

    def join(self, one, other):
        one, other = sorted((self.root(one), self.root(other)))
        self.up[other] = one


def there(out, names):
    """Records of an earlier run, as (ordinary, key, record, place): a conversation stays on its side."""
    for path in sorted(out.glob("*.jsonl")):
        if path.name in names:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            record = json.loads(line)
            key = f"{path.name}:{record.get('group') or number}"
            yield "ordinary" in path.name, key, record, f"{path.name}:{number}"


def main(source, out, more=None):
    source, out = pathlib.Path(source), pathlib.Path(out)
    names = {False: ("train.jsonl", "frozen.jsonl"), True: ("ordinary.jsonl", "ordinary_frozen.jsonl")}
    if more:
        ordinary = (f"{more}_ordinary.jsonl", f"{more}_ordinary_frozen.jsonl")
        names = {False: (f"{more}.jsonl", f"{more}_frozen.jsonl"), True: ordinary}
    written = {name for pair in names.values() for name in pair}
    earlier = list(there(out, written)) if more else []
    records, violations = [], []
    for path in sorted([*source.glob("*/*.jsonl"), *source.glob("*/*.txt")]):
        for number, raw, ordinary, group in compact_file(path):
            place = f"{path.parent.name}/{path.name}:{number}"
            if raw is None:
                violations.append(f"{place}: not a record")
                continue
            record, wrong = compact_to_record(raw, ordinary)
            if wrong:
                violations.append(f"{place}: {'; '.join(wrong)}")
                continue
            name = f"{path.parent.name}-{path.stem}"
            said = json.dumps([record["context"], record["body"]], ensure_ascii=False)
            record = {"id": f"{name}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"} | record
            key = f"{name}:{group}" if group not in (None, "") else f"{name}#{number}"
            records.append((ordinary, key, record, place))

    groups, kept, index, contexts = Groups(), [], {}, {}
    # What lies there comes first: of two that are alike the earlier one stays.
    for ordinary, key, record, place in earlier + records:
        groups.root(key)
        body = grams(record["body"])
        before = context_text(record)
        # Of what is alike to it at least one of its rarest fifth of sequences is there.
        rarest = sorted(body, key=lambda gram: (len(index.get(gram, ())), gram))
        near = {at for gram in rarest[:len(body) - math.ceil(NEAR * len(body)) + 1] for at in index.get(gram, ())}
        twin = None
        for at in sorted(near):
            _, other_key, other, other_body, other_before = kept[at]
            if not similar(body, other_body):
                continue
            # Whole talks have their courtesies in common.
            if len(record["body"]) >= (24 if ".txt:" in place and not any(record["labels"].values()) else 12):
                groups.join(key, other_key)
            same_talk = before == other_before or similar(grams(before), grams(other_before))
            if same_talk and record["labels"] == other["labels"] and record["sender_role"] == other["sender_role"]:
                twin = other["id"]
        if twin:
            violations.append(f"{place}: nearly the same as {twin}")
            continue
        if before:
            groups.join(key, contexts.setdefault(before, key))
        for gram in body:
            index.setdefault(gram, []).append(len(kept))
        kept.append((ordinary, key, record, body, before))

    # Where a group has been before it stays, though later records may have joined it to another.
    stays = {record["id"]: "frozen" in place for _, _, record, place in earlier}
    for pair in names.values():
        for frozen, name in enumerate(pair):
            if (out / name).exists():
                for line in (out / name).read_text(encoding="utf-8").splitlines():
                    stays[json.loads(line)["id"]] = bool(frozen)
    old = {record["id"] for _, _, record, _ in earlier}
    placed = {}
    for _, key, record, _, _ in kept:
        if record["id"] in stays:
            placed.setdefault(groups.root(key), stays[record["id"]])
    parts = {name: [] for name in sorted(written)}
    for ordinary, key, record, _, _ in kept:
        if record["id"] in old:
            continue
        root = groups.root(key)
        digest = int.from_bytes(hashlib.sha256(root.encode()).digest()[:8], "big")
        frozen = stays.get(record["id"], placed.get(root, digest % PARTS == 0))
        group = hashlib.sha256(root.encode()).hexdigest()[:12]
        parts[names[ordinary][frozen]].append(record | {"group": group})
    for name, lines in parts.items():
        if not lines:
            continue
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (out / name).write_text(text, encoding="utf-8")
        asks = sum(line["labels"]["new_request"] for line in lines)
        print(f"{name}: {len(lines)} records, {asks} requests, {len({line['group'] for line in lines})} groups")
    (source / "VIOLATIONS.txt").write_text("".join(line + "\n" for line in violations), encoding="utf-8")
    print(f"left out: {len(violations)} (SOURCE/VIOLATIONS.txt)")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
