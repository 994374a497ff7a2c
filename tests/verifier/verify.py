#!/usr/bin/env python3
"""Checks a package of karibarai. Written from docs/format.md alone; needs nothing but Python 3.8.

    python3 verify.py bundle.zip|folder [--known checkpoint.note]

Ends with 0 (intact), 1 (ours, but it does not fit) or 2 (absent, unreadable, not ours).
Time stamps (section 12) are not checked here, and report.html and README.txt only by their hashes.
"""
import base64, calendar, csv, functools, hashlib, io, json, os, re, struct, sys, time, zlib

CHAIN = set("""message.created message.updated message.seen message.deleted_reported message.missing_at_recheck file.found
file.stored file.lost task.created task.updated member.joined member.left member.renamed member.changed room.found
room.changed room.access_lost gap.found reply.sent reply.amended unknown_event""".split())
OTHER = set("""reply.decided reply.suppressed reply.uncertain case.changed case.noted contract.changed contract.counted
room.declared bot.switched alarm.raised detection.marked task.closed content.erased evidence.viewed evidence.exported
ledger.continued clock.compared trouble.changed backup.made system.started system.stopped checkpoint.anchored message.imported
file.imported
import.made undecodable""".split())
FIELDS = "v n kind source source_time observed_at room message version content room_n room_prev".split()
MESSAGES = ("message.created", "message.updated", "message.deleted_reported", "message.missing_at_recheck")
LEFT_BY_FILE_MANAGERS = {".DS_Store", "Thumbs.db", "desktop.ini"}
U64, U32 = 2 ** 64 - 1, 2 ** 32 - 1


class Damaged(Exception):
    """Ours, but it does not fit: what, and where."""


class NotOurs(Exception):
    pass


def need(fits, where, what):
    if not fits:
        raise Damaged(f"{where}: {what}")


def sha(data):
    return hashlib.sha256(data).digest()


def number(it, bound=U64):
    return type(it) is int and 0 <= it <= bound


def is_hex(it, digits=64):
    return isinstance(it, str) and re.fullmatch("[0-9a-f]{%d}" % digits, it) is not None


def tight(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parsed(text, where):
    def once(pairs):
        need(len({key for key, _ in pairs}) == len(pairs), where, "a member stands twice")
        return dict(pairs)
    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Damaged(f"{where}: not JSON")


def utf8(data, where):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Damaged(f"{where}: not UTF-8")


def lines(data, where):
    text = utf8(data, where)
    need(text == "" or text.endswith("\n"), where, "the last line has no end")
    return text.split("\n")[:-1]


# --- Ed25519 (RFC 8032) -------------------------------------------------------------------------------------------
P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    m, n = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(k, point):
    result = (0, 1, 1, 0)
    while k:
        if k & 1:
            result = add(result, point)
        point, k = add(point, point), k >> 1
    return result


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2 ** 255 - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * v ** 3 * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == P - u % P and u:
        x = x * pow(2, (P - 1) // 4, P) % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def packed(p):
    z = pow(p[2], P - 2, P)
    x, y = p[0] * z % P, p[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


@functools.lru_cache(maxsize=None)
def signed(key, message, signature):
    a, s = point(key), int.from_bytes(signature[32:], "little")
    if a is None or s >= L or packed(times(8, a)) == packed((0, 1, 1, 0)):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    x, y, z, t = times(k, a)
    return packed(add(times(s, BASE), (-x % P, y, z, -t % P))) == signature[:32]


# --- signed notes and checkpoints (section 5) ---------------------------------------------------------------------
def unbase64(text, where):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = None
    need(data is not None and base64.b64encode(data).decode() == text, where, "not base64 as it is written here")
    return data


class Key:
    def __init__(self, text, where):
        match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+(\S+)", text)
        need(match, where, "not a verifier key")
        self.name, data = match[1], unbase64(match[3], where)
        self.id = sha(self.name.encode() + b"\n" + data)[:4]
        need(len(data) == 33 and data[0] == 1 and self.id.hex() == match[2], where, "not a verifier key")
        self.public = data[1:]
        need(self.name == "karibarai/" + sha(self.public).hex(), where, "the key is not that of its ledger")

    def open(self, data, where):
        """The text of a note, and how many signature lines it has."""
        need(len(data) <= 65536, where, "too long for a note")
        note = utf8(data, where)
        need(not re.search("[\x00-\x09\x0b-\x1f\x7f]", note), where, "a control character in a note")
        text, middle, rest = note.rpartition("\n\n")
        need(middle and rest.endswith("\n"), where, "not a signed note")
        signatures, ours = rest[:-1].split("\n"), 0
        need(len(signatures) <= 64, where, "too many signatures")
        for line in signatures:
            match = re.fullmatch("\u2014 ([^+\\s]+) (\\S+)", line)
            need(match, where, "a malformed signature line")
            data = unbase64(match[2], where)
            need(len(data) > 4, where, "a malformed signature line")
            if match[1] == self.name and data[:4] == self.id:
                need(len(data) == 68 and signed(self.public, (text + "\n").encode(), data[4:]), where, "the signature does not fit")
                ours += 1
        need(ours, where, "not signed by this ledger's key")
        return text + "\n", len(signatures)

    def checkpoint(self, data, where):
        body = self.open(data, where)[0].split("\n")
        need(len(body) >= 4 and body[0] == self.name, where, "a checkpoint of another ledger")
        need(re.fullmatch("0|[1-9][0-9]{0,19}", body[1]) and int(body[1]) <= U64, where, "not a size")
        root = unbase64(body[2], where)
        need(len(root) == 32 and all(body[3:-1]), where, "not a checkpoint")
        return int(body[1]), root


# --- tree (section 4) ---------------------------------------------------------------------------------------------
def leaf(entry):
    return sha(b"\x00" + entry)


def node(left, right):
    return sha(b"\x01" + left + right)


class Tree:
    """The perfect subtrees of what was added so far, largest first."""
    def __init__(self):
        self.size, self.edge = 0, []

    def add(self, width, root):
        while self.edge and self.edge[-1][0] == width:
            root, width = node(self.edge.pop()[1], root), 2 * width
        self.edge.append((width, root))
        self.size = sum(it[0] for it in self.edge)

    def root(self):
        if not self.edge:
            return sha(b"")
        root = self.edge[-1][1]
        for _, left in reversed(self.edge[:-1]):
            root = node(left, root)
        return root


def included(index, size, leaf_hash, path):
    """The root that a proof leads to (RFC 9162 section 2.1.3.2), or None."""
    fn, sn, r = index, size - 1, leaf_hash
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


# --- the container (section 10) -----------------------------------------------------------------------------------
def path_fits(path):
    return len(path.encode()) <= 200 and re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", path)


COMMENT = b"karibarai bundle 1"


def read_zip(data):
    """Path -> (bytes, packed bytes or None), in the order of the file; every byte is accounted for."""
    need(len(data) >= 22 + len(COMMENT) and len(data) <= U32, "zip", "cut off")
    end = len(data) - 22 - len(COMMENT)
    sig, disk, start, here, count, size, offset, length = struct.unpack("<IHHHHIIH", data[end:end + 22])
    need((sig, disk, start, here, length, data[end + 22:]) == (0x06054B50, 0, 0, count, len(COMMENT), COMMENT) and count <= 60000
         and offset + size == end, "zip", "the end record is not in its form")
    files, at, table = {}, 0, offset
    for _ in range(count):
        need(table + 46 <= end, "zip", "the directory is cut off")
        head = struct.unpack("<IHHHHHHIIIHHHHHII", data[table:table + 46])
        method, crc, packed_size, plain_size, name_length, place = head[4], head[7], head[8], head[9], head[10], head[16]
        raw = data[table + 46:table + 46 + name_length]
        table += 46 + name_length
        name = raw.decode("ascii", "replace")
        need(path_fits(name) and name not in files, "zip", "a path is not allowed")
        stored = name.startswith("files/") or name in ("manifest.json", "manifest.note")
        need(head == (0x02014B50, 0x0314, 20, 0x0800, 0 if stored else 8, 0, 0x0021, crc, packed_size, plain_size, name_length, 0, 0, 0, 0,
                      0o100644 << 16, at) and table <= end, name, "its line in the directory is not in its form")
        local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0x0800, method, 0, 0x0021, crc, packed_size, plain_size, name_length, 0) + raw
        need(data[at:at + len(local)] == local, name, "its header is not in its form")
        at += len(local)
        need(at + packed_size <= offset, name, "cut off")
        body, at = data[at:at + packed_size], at + packed_size
        plain = body if stored else inflated(body, plain_size, name)
        need(len(plain) == plain_size and zlib.crc32(plain) == crc, name, "its bytes do not fit its header")
        files[name] = plain, None if stored else body
    need(at == offset and table == end, "zip", "bytes that belong to nothing")
    return files


def inflated(body, size, name):
    stream = zlib.decompressobj(-15)
    try:
        plain = stream.decompress(body, size + 1)
    except zlib.error:
        raise Damaged(f"{name}: cannot be unpacked")
    need(stream.eof and not stream.unused_data, name, "cannot be unpacked")
    return plain


def read_folder(root):
    files = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if name not in LEFT_BY_FILE_MANAGERS:
                with open(path, "rb") as file:
                    files[os.path.relpath(path, root).replace(os.sep, "/")] = file.read(), None
    return files


def open_package(path):
    if os.path.isdir(path):
        files = read_folder(path)
        if not files.keys() & {"manifest.json", "manifest.note", "proof/ledger.pub"}:
            raise NotOurs("not a package of karibarai")
        return files, False
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise NotOurs(str(error))
    begins = data[10:14] == b"\0\0\x21\0" and data[30:40] == b"README.txt"
    if not begins and b"karibarai" not in data[-65536:]:
        raise NotOurs("not a package of karibarai")
    return read_zip(data), True


# --- entries (sections 1 to 3) ------------------------------------------------------------------------------------
def instant(text):
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text):
        return False
    year, month, day, hour, minute, second = (int(it) for it in re.findall(r"\d+", text)[:6])
    fits = 1 <= year <= 9998 and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60
    return text == "9999-01-01T00:00:00.000Z" or fits and 1 <= day <= calendar.monthrange(year, month)[1]


def canonical(text, where):
    it = parsed(text, where)
    need(isinstance(it, dict) and list(it) == [key for key in FIELDS if key in it], where, "fields are unknown or in another order")
    checks = {
        "v": lambda v: v == 1 and number(v), "n": number, "kind": lambda v: isinstance(v, str) and v in CHAIN | OTHER,
        "source": lambda v: v in ("webhook", "poll", "sent", "import", "system"), "source_time": instant, "observed_at": instant,
        "room": number, "message": lambda v: isinstance(v, str) and re.fullmatch("[0-9]{1,32}", v), "version": number,
        "content": is_hex, "room_n": number, "room_prev": is_hex}
    for key in ("v", "n", "kind", "source", "observed_at"):
        need(key in it, where, f"no {key}")
    for key, value in it.items():
        need(checks[key](value), where, f"{key} is not as it must be")
    need(tight(it) == text, where, "the entry is not in canonical form")
    return it


class Line:
    """One line of entries.jsonl."""
    def __init__(self, text, where):
        it = parsed(text, where)
        need(isinstance(it, dict) and isinstance(it.get("entry"), str) and tight(it) == text, where, "the line is not in its form")
        self.entry = canonical(it["entry"], where)
        self.leaf, self.content = leaf(it["entry"].encode()), None
        keys = list(it)[1:]
        if "content" not in self.entry:
            self.state = "shown"
            return need(keys == [], where, "content that the entry does not know")
        if keys in (["withheld"], ["erased"]):
            self.state = keys[0]
            return need(it[keys[0]] is True, where, "the line is not in its form")
        self.state = "shown"
        need(keys in (["salt", "content"], ["salt", "content_b64"]) and is_hex(it["salt"]) and isinstance(it[keys[1]], str), where,
             "the line is not in its form")
        self.content = it["content"].encode() if keys[1] == "content" else unbase64(it["content_b64"], where)
        if keys[1] == "content_b64":
            try:
                self.content.decode()
                raise Damaged(f"{where}: base64 over what is UTF-8")
            except UnicodeDecodeError:
                pass
        need(sha(bytes.fromhex(it["salt"]) + self.content).hex() == self.entry["content"], where, "the content is not what the entry commits to")

    def json(self):
        """The content as JSON object, {} where there is none."""
        try:
            value = json.loads(self.content) if self.content is not None else {}
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


# --- what the entries give (section 10) ---------------------------------------------------------------------------
def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".000Z"


def japan(text):
    at = calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + 9 * 3600
    return time.strftime("%Y-%m-%d %H:%M:%S JST", time.gmtime(at))


def said(line):
    """Account, name, text and time of sending as the content shows them; None where it shows no message."""
    it, entry = line.json(), line.entry
    try:
        if entry["source"] == "webhook":
            event = json.loads(it["body"])
            kind, event = event["webhook_event_type"], event["webhook_event"]
            if kind not in ("message_created", "message_updated", "mention_to_me"):
                return None
            account = event["from_account_id" if kind == "mention_to_me" else "account_id"]
            found = account, None, event["body"], utc(event["send_time"])
        elif entry["source"] == "sent" and entry["kind"] == "reply.sent":
            found = it["account"], None, it["text"], entry["observed_at"]
        elif entry["source"] == "poll" and entry["kind"] in MESSAGES[:3] + ("message.seen",):
            found = it["account"]["account_id"], it["account"]["name"], it["body"], utc(it["send_time"])
        else:
            return None
        return found if number(found[0]) and isinstance(found[2], str) else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


KINDS_JA = dict(zip(MESSAGES, ("投稿", "編集", "削除", "所在不明")))
ROLES_JA = {"owner": "受注者（本人）", "client": "発注者", "bot": "自動投稿", "other": "その他"}
COLUMNS = "記録番号,種類,送信日時（日本時間）,記録日時（日本時間）,送信者,アカウントID,立場,本文,版,メッセージのリンク".split(",")


def check_messages(package, shown, people):
    rows, listed = [COLUMNS], []
    for line in (it for it in shown if it.entry["kind"] in MESSAGES):
        entry, found = line.entry, said(line)
        account, name, body, sent = found or (None, None, None, None)
        person = people.get(account, {})
        sender = (name or person.get("name") or f"アカウント {account}") if found else None
        role = person.get("role")
        listed.append(tight({
            "n": entry["n"], "kind": entry["kind"], "room_id": entry.get("room"), "message_id": entry.get("message"),
            "version": entry.get("version"), "account_id": account, "sender": sender, "role": role, "body": body, "sent_at": sent,
            "source": entry["source"], "source_time": entry.get("source_time"), "observed_at": entry["observed_at"], "state": line.state}))
        text = {"withheld": "（この資料では開示していません）", "erased": "（内容は消去されています）"}.get(line.state, body or "")
        cells = [str(entry["n"]), KINDS_JA[entry["kind"]], japan(sent) if sent else "", japan(entry["observed_at"]), sender or "",
                 "" if account is None else str(account), ROLES_JA.get(role, "その他") if role else "", text, str(entry.get("version", "")),
                 f"https://www.chatwork.com/#!rid{entry['room']}-{entry['message']}" if "message" in entry else ""]
        rows.append(["'" + it if it[:1] and it[0] in "=+-@\t\r\n＝＋－＠" else it for it in cells])
    got = lines(package("messages.jsonl"), "messages.jsonl")
    for at, (have, want) in enumerate(zip(got, listed)):
        need(have == want, f"messages.jsonl line {at + 1}", "not what the entry says")
    need(len(got) == len(listed), "messages.jsonl", "a line too many or too few")
    table = utf8(package("messages.csv"), "messages.csv")
    have = list(csv.reader(io.StringIO(table[1:], newline="")))
    need(table[:1] == "\ufeff" and len(have) == len(rows), "messages.csv", "a row too many or too few")
    for at, (got_row, want) in enumerate(zip(have, rows)):
        # How text with notation is shown is the program's; only where there is none it is the text itself.
        if len(got_row) == 10 and "[" in want[7]:
            want[7] = got_row[7]
        need(got_row == want, f"messages.csv row {at + 1}", "not what the entry says")
    quoted = [['"' + it.replace('"', '""') + '"' if re.search('[",\r\n]', it) else it for it in row] for row in rows]
    need(table == "\ufeff" + "".join(",".join(row) + "\r\n" for row in quoted), "messages.csv", "not in its form")


def check_webhooks(package, shown):
    want = []
    for line in shown:
        it = line.json() if line.entry["source"] == "webhook" else {}
        if isinstance(it.get("signature"), str):
            want.append(tight({"n": line.entry["n"], **{key: it[key] for key in ("signature", "body", "body_b64") if key in it}}))
    need(lines(package("raw/webhooks.jsonl"), "raw/webhooks.jsonl") == want, "raw/webhooks.jsonl", "not what the entries say")


# --- the manifest -------------------------------------------------------------------------------------------------
MEMBERS = "format version program ledger room room_name filter tree_size chain counts gaps exposure people files".split()


def read_manifest(data):
    where = "manifest.json"
    it = parsed(utf8(data, where), where)
    need(isinstance(it, dict) and list(it) == MEMBERS and it["format"] == "karibarai-bundle" and it["version"] == 1, where, "not a manifest")
    need(json.dumps(it, ensure_ascii=False, indent=2) + "\n" == utf8(data, where), where, "not in its form")
    need(is_hex(it["ledger"]) and number(it["room"]) and number(it["tree_size"]), where, "not a manifest")
    need(isinstance(it["chain"], dict) and list(it["chain"]) == ["first", "last"] and all(map(number, it["chain"].values())), where, "no chain")
    need(isinstance(it["counts"], dict) and list(it["counts"]) == "entries messages edits gone files withheld erased".split(), where, "no counts")
    for key, members in (("gaps", [["n", "kind", "from", "to"]]), ("people", [["account", "name", "role"]]),
                         ("files", [["path", "size", "sha256"], ["path", "size", "sha256", "packed_size", "packed_sha256"]])):
        need(isinstance(it[key], list) and all(isinstance(x, dict) and list(x) in members for x in it[key]), where, f"no {key}")
    return it


def check_files(manifest, files, zipped):
    listed = [it["path"] for it in manifest["files"]]
    need(listed == sorted(set(listed)), "manifest.json", "the files are not in order")
    need(all(isinstance(path, str) and path_fits(path) for path in listed), "manifest.json", "a path is not allowed")
    there = list(files)
    for path in sorted(set(there) ^ set(listed + ["manifest.json", "manifest.note"])):
        raise Damaged(f"{path}: " + ("the manifest does not know it" if path in files else "missing"))
    need(not zipped or there == listed + ["manifest.json", "manifest.note"], "zip", "the files are not in order")
    for it in manifest["files"]:
        plain, body = files[it["path"]]
        need(len(plain) == it["size"] and sha(plain).hex() == it["sha256"], it["path"], "not the bytes that the manifest names")
        need(("packed_size" in it) != it["path"].startswith("files/"), it["path"], "packed otherwise than its place says")
        if body is not None:
            need(len(body) == it["packed_size"] and sha(body).hex() == it["packed_sha256"], it["path"], "not the bytes that the manifest names")


# --- the steps of "How to check a bundle" -------------------------------------------------------------------------
def check(path, known):
    files, zipped = open_package(path)                                                     # 1
    def package(name):
        need(name in files, name, "missing")
        return files[name][0]
    text = utf8(package("proof/ledger.pub"), "proof/ledger.pub")
    need(text.endswith("\n"), "proof/ledger.pub", "not a verifier key")
    key = Key(text[:-1], "proof/ledger.pub")
    manifest = read_manifest(package("manifest.json"))
    need(key.name == "karibarai/" + manifest["ledger"], "proof/ledger.pub", "not the key of the ledger that the manifest names")    # 2
    sealed, count = key.open(package("manifest.note"), "manifest.note")
    need(count == 1 and sealed == f"karibarai bundle manifest 1\n{sha(package('manifest.json')).hex()}\n", "manifest.note",
         "seals another manifest")                                                         # 3
    check_files(manifest, files, zipped)                                                   # 4
    shown = [Line(text, f"entries.jsonl line {at + 1}") for at, text in enumerate(lines(package("entries.jsonl"), "entries.jsonl"))]
    for a, b in zip(shown, shown[1:]):
        need(a.entry["n"] < b.entry["n"], f"entry {b.entry['n']}", "not in order")          # 5
    check_chain(manifest, shown)                                                           # 6
    root = check_tree(manifest, shown, key, package, known)                                # 7, 11
    counts, gaps = declared(shown)
    need(counts == manifest["counts"], "manifest.json", "the counts are not what the entries give")
    need(gaps == manifest["gaps"], "manifest.json", "the gaps are not what the entries give")
    check_messages(package, shown, {it["account"]: it for it in manifest["people"]})
    check_webhooks(package, shown)                                                         # 8
    check_attached(files, shown)
    check_inclusions(files, shown, manifest, key, root)                                    # 9
    return manifest, check_stamps(files, package, manifest)                                # 10


def check_chain(manifest, shown):
    number_wanted, before, erased, named = manifest["chain"]["first"], None, set(), set()
    for line in shown:
        it, where = line.entry, f"entry {line.entry['n']}"
        if line.state == "erased":
            erased.add(it["n"])
        if it["kind"] == "content.erased":
            need("room_n" not in it and "room_prev" not in it and line.content is not None, where, "does not say what it erased")
            entries = line.json().get("entries")
            need(isinstance(entries, list) and all(map(number, entries)), where, "does not say what it erased")
            named.update(entries)
            continue
        need(it["kind"] in CHAIN and it.get("room") == manifest["room"], where, "does not belong here")
        need(it.get("room_n") == number_wanted, where, "an entry of the room is missing before it")
        need(("room_prev" in it) == (it["room_n"] > 1), where, "does not fit the entry before")
        need(before is None or it["room_prev"] == before.hex(), where, "does not fit the entry before")
        number_wanted, before = number_wanted + 1, line.leaf
    need(before is not None and number_wanted == manifest["chain"]["last"] + 1, "entries.jsonl", "entries are missing at the end")
    for n in sorted(erased - named):
        raise Damaged(f"entry {n}: its content is gone, and no entry says that it was erased")
    for line in shown:
        if line.entry["kind"] == "content.erased":
            need(erased & set(line.json()["entries"]), f"entry {line.entry['n']}", "does not belong here")


def check_tree(manifest, shown, key, package, known):
    size = manifest["tree_size"]
    of_checkpoint, root = key.checkpoint(package("proof/checkpoint.note"), "proof/checkpoint.note")
    need(of_checkpoint == size, "proof/checkpoint.note", "not of the size that the manifest names")
    heads, last = {}, -1
    for at, text in enumerate(lines(package("proof/heads.jsonl"), "proof/heads.jsonl")):
        where = f"proof/heads.jsonl line {at + 1}"
        note = parsed(text, where)
        need(isinstance(note, str) and tight(note) == text, where, "not in its form")
        its_size, its_root = key.checkpoint(note.encode(), where)
        need(last < its_size < size, where, "not in order")
        heads[its_size], last = [(its_root, where)], its_size
    heads.setdefault(size, []).append((root, "proof/checkpoint.note"))
    if known is not None:
        its_size, its_root = key.checkpoint(known, "--known")
        need(its_size <= size, "--known", "the package ends before the head that you know")
        heads.setdefault(its_size, []).append((its_root, "--known"))
    parts = [(line.entry["n"], 1, line.leaf, f"entry {line.entry['n']}") for line in shown]
    for at, text in enumerate(lines(package("proof/subtrees.jsonl"), "proof/subtrees.jsonl")):
        where = f"proof/subtrees.jsonl line {at + 1}"
        it = parsed(text, where)
        need(isinstance(it, dict) and list(it) == ["from", "to", "hash"] and number(it["from"]) and number(it["to"]) and is_hex(it["hash"])
             and tight(it) == text, where, "not in its form")
        width = it["to"] - it["from"]
        need(width > 0 and width & (width - 1) == 0 and it["from"] % width == 0, where, "not a perfect subtree")
        parts.append((it["from"], width, bytes.fromhex(it["hash"]), where))
    tree = Tree()

    def meet():
        for want, where in heads.pop(tree.size, []):
            need(tree.root() == want, where, "entries and proofs do not lead to it")
    meet()
    for start, width, part, where in sorted(parts):
        need(start == tree.size, where, "does not join what stands before it in the tree")
        tree.add(width, part)
        meet()
    need(tree.size == size, "proof/subtrees.jsonl", "the tree is not complete")
    for left in heads.values():
        raise Damaged(f"{left[0][1]}: nothing here shows that the ledger continues it")
    return root


def declared(shown):
    kinds = [line.entry["kind"] for line in shown]
    counts = {
        "entries": len(shown),
        "messages": sum(line.entry["kind"] in MESSAGES[:3] and line.entry.get("version", 1) == 1 for line in shown),
        "edits": kinds.count("message.updated"), "gone": kinds.count("message.deleted_reported") + kinds.count("message.missing_at_recheck"),
        "files": kinds.count("file.stored"), "withheld": sum(line.state == "withheld" for line in shown),
        "erased": sum(line.state == "erased" for line in shown)}
    gaps = [{"n": line.entry["n"], "kind": line.entry["kind"], "from": line.json().get("from"), "to": line.json().get("to")}
            for line in shown if line.entry["kind"] in ("gap.found", "room.access_lost")]
    return counts, gaps


def check_attached(files, shown):
    exchanged = {line.json().get("sha256") for line in shown if line.entry["kind"] == "file.stored"}
    for path, (plain, _) in files.items():
        if path.startswith("files/"):
            need(path[6:] == sha(plain).hex(), path, "not named by its hash")
            need(path[6:] in exchanged, path, "no entry speaks of it")
    originals = {sha(plain) for path, (plain, _) in files.items() if path.startswith(("files/", "case/", "report"))}
    for path, (plain, _) in files.items():
        need(not path.startswith("court/") or sha(plain) in originals, path, "a copy of nothing in the package")


def check_inclusions(files, shown, manifest, key, root):
    of = {line.entry["n"]: line for line in shown}
    listed = [line.entry["n"] for line in shown if line.entry["kind"] in MESSAGES]
    for n in listed if len(listed) <= 1000 else []:
        need(f"proof/inclusion/{n}.tlog-proof" in files, f"proof/inclusion/{n}.tlog-proof", "missing")
    for path, (plain, _) in files.items():
        if not path.startswith("proof/inclusion/"):
            continue
        match = re.fullmatch(r"proof/inclusion/(0|[1-9][0-9]{0,19})\.tlog-proof", path)
        need(match and int(match[1]) in of, path, "the proof of no entry here")
        n, (head, _, note) = int(match[1]), utf8(plain, path).partition("\n\n")
        head = head.split("\n")
        need(head[:2] == ["c2sp.org/tlog-proof@v1", f"index {n}"] and len(head) <= 66, path, "not in its form")
        hashes = [unbase64(it, path) for it in head[2:]]
        need(all(len(it) == 32 for it in hashes), path, "not in its form")
        need(key.checkpoint(note.encode(), path) == (manifest["tree_size"], root), path, "leads to another checkpoint")
        need(included(n, manifest["tree_size"], of[n].leaf, hashes) == root, path, "does not lead from its entry to the checkpoint")


def check_stamps(files, package, manifest):
    """Only that the note's hash stands in the answer: its signature and its authority are not checked here."""
    notes = {manifest["tree_size"]: package("proof/checkpoint.note")}
    for text in lines(package("proof/heads.jsonl"), "proof/heads.jsonl"):
        note = json.loads(text)
        notes[int(note.split("\n")[1])] = note.encode()
    stamps = [path for path in files if path.startswith("proof/anchors/") and path.endswith(".tsr")]
    for path in stamps:
        size = re.match(r"proof/anchors/(0|[1-9][0-9]{0,19})-", path)
        need(size and int(size[1]) in notes, path, "stamps no checkpoint of this package")
        need(sha(notes[int(size[1])]) in files[path][0], path, "stamps something else than its checkpoint")
    return len(stamps)


def main(arguments):
    known = None
    try:
        if len(arguments) == 3 and arguments[1] == "--known":
            with open(arguments[2], "rb") as file:
                known = file.read()
        elif len(arguments) != 1:
            raise NotOurs("usage: verify.py bundle.zip|folder [--known checkpoint.note]")
        manifest, stamps = check(arguments[0], known)
    except (NotOurs, OSError) as error:
        print(f"cannot be checked: {error}", file=sys.stderr)
        return 2
    except Damaged as error:
        print(f"does not fit: {error}")
        return 1
    counts = manifest["counts"]
    print(f"intact: {counts['entries']} entries of room {manifest['room']}, {counts['withheld']} withheld, {counts['erased']} erased")
    print(f"time stamps: {stamps}, whose signatures are not checked here" if stamps else "nothing outside confirms the owner's own record")
    print("report.html and README.txt were checked by their hashes alone")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
