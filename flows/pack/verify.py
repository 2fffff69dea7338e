#!/usr/bin/env python3
"""Check an audit pack offline:  python3 verify.py --key KEY [--model FOLDER] [PACK]

PACK is the archive or the folder that it was unpacked to; by default the folder of this file. KEY is the public key
that you trust, 64 characters of hex or a PEM file, from somewhere else than the pack. Needs Python 3.9 and nothing
else: no package, no network. Whoever forged a pack could forge this file in it too, so take it from the project's
repository (flows/pack/verify.py), or read it: that is why it is short. What it does not show: that nothing was left
out, since a pack holds the ledger's entries about one version and not all of them.

Exit code 0: every check holds. 1: one does not. 2: there is nothing to check, or the call is wrong.
"""
import argparse
import base64
import csv
import hashlib
import io
import json
import re
import struct
import sys
import zipfile
import zlib
from pathlib import Path

# ------------------------------------------------ Ed25519, RFC 8032, section 5.1.7: points are (x, y, z, x*y/z) over p
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    u, v = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def point(raw):
    """The point that 32 bytes name. Raises ValueError where they name none."""
    y, sign = int.from_bytes(raw, "little") & (2**255 - 1), raw[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or y >= P or (x == 0 and sign):
        raise ValueError("names no point of the curve")
    x = x if x % 2 == sign else P - x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(key, message, signature):
    """Whether the key (hex) made this signature (hex) over these bytes. Garbage is False."""
    try:
        raw, public = bytes.fromhex(signature), bytes.fromhex(key)
        s, (x, y, z, xy) = int.from_bytes(raw[32:], "little"), point(public)
        if len(raw) != 64 or len(public) != 32 or s >= ORDER:
            return False
        h = int.from_bytes(hashlib.sha512(raw[:32] + public + message).digest(), "little") % ORDER
        minus = (P - x, y, z, P - xy)
        both, found = add(BASE, minus), (0, 1, 1, 0)
        for bit in range(255, -1, -1):  # s * BASE - h * key, which must be what the signature begins with
            found = add(found, found)
            which = (s >> bit & 1) + 2 * (h >> bit & 1)
            found = add(found, (BASE, minus, both)[which - 1]) if which else found
        inverse = pow(found[2], P - 2, P)
        x, y = found[0] * inverse % P, found[1] * inverse % P
        return (y | (x & 1) << 255).to_bytes(32, "little") == raw[:32]
    except (ValueError, IndexError, TypeError):
        return False


def signed_for(purpose, key, digest, signature):
    """Hallmark signs a digest for a purpose, so that no signature passes for one of another kind."""
    return signed(key, f"hallmark {purpose}\n{digest}\n".encode(), signature)


# ------------------------------------------------------------------------------------- digests, and RFC 6962 trees
def sha256(data):
    return hashlib.sha256(data).hexdigest()


def canonical(value):
    """RFC 8785, for texts and whole numbers; nothing else stands where this is used."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def root_of(leaves):
    level = [leaf(data) for data in leaves] or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2])]  # noqa: B905
        level = pairs + level[len(pairs) * 2:]
    return level[0].hex()


def included(data, index, size, path, root):
    """RFC 6962, section 2.1.1: whether `data` is leaf `index` of `size` below the root, by its way up."""
    node, last, found = index, size - 1, leaf(data)
    for other in path:
        if last <= 0:
            return False
        if node % 2 or node == last:
            found = hashlib.sha256(b"\1" + bytes.fromhex(other) + found).digest()
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            found = hashlib.sha256(b"\1" + found + bytes.fromhex(other)).digest()
        node, last = node // 2, last // 2
    return 0 <= index < size and last == 0 and found.hex() == root


def model_digest(files):
    """A model's name: sha256 over the sorted sha256 of its files."""
    return sha256("\n".join(sorted(one["sha256"] for one in files)).encode())


# ------------------------------------------------------------------------------------------------------- the pack
UNREADABLE = (OSError, EOFError, LookupError, RuntimeError, ValueError, TypeError, AttributeError, AssertionError,
              struct.error, zipfile.BadZipFile, zlib.error, csv.Error)


class Wrong(Exception):
    """What does not hold, fault by fault."""


def unless(*faults):
    """Raise Wrong with each fault of (holds, fault) that does not hold."""
    wrong = [fault for holds, fault in faults if not holds]
    if wrong:
        raise Wrong(*wrong)


class Pack:
    """The files of an archive or a folder, and what the first checks have read of them."""

    def __init__(self, place, trusted):
        self.place, self.trusted = place, trusted
        self.zip = None if place.is_dir() else zipfile.ZipFile(place)
        self.entries, self.keys, self.about, self.copy = [], [], {}, None
        self.names = self.zip.namelist() if self.zip else files_below(place)

    def pieces(self, name):
        with self.zip.open(name) if self.zip else (self.place / name).open("rb") as file:
            yield from iter(lambda: file.read(1 << 20), b"")

    def sha256(self, name):
        digest = hashlib.sha256()
        for piece in self.pieces(name):
            digest.update(piece)
        return digest.hexdigest()

    def read(self, name):
        return b"".join(self.pieces(name))

    def json(self, name, lines=False):
        """What a file of JSON says, or each of its lines."""
        try:
            return [json.loads(line) for line in self.read(name).splitlines()] if lines else json.loads(self.read(name))
        except UNREADABLE as error:
            raise Wrong(f"{name} cannot be read: {error}") from None

    def told(self, kind, **wanted):
        """Index and payload of the entries of a kind that say these things."""
        return [(entry["index"], said) for entry, said in self.entries if entry["kind"] == kind
                and all(said.get(key) == value for key, value in wanted.items())]


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def files(pack):
    """Each file is the one that the manifest lists, and no other is there."""
    pack.manifest, faults = pack.sha256("MANIFEST.sha256"), []
    lines = pack.read("MANIFEST.sha256").decode("utf-8", "replace").splitlines()
    listed = dict(line.partition("  ")[::-2] for line in lines)
    for name, digest in listed.items():
        try:
            faults += [] if name in pack.names and pack.sha256(name) == digest else [
                f"{name} was changed" if name in pack.names else f"{name} is missing"]
        except UNREADABLE as error:
            faults.append(f"{name} was changed, it cannot be read: {error}")
    beside = {"MANIFEST.sha256", "MANIFEST.sig"}
    faults += [f"{name} is not in the manifest" for name in {*pack.names} - beside - {*listed}]
    faults += [f"{name} is there twice" for name in {*pack.names} if pack.names.count(name) > 1]
    unless(*((False, fault) for fault in sorted(faults)))
    return f"{len(listed)} files are those of the manifest"


def ledger(pack):
    """Each entry hashes to what it names, is signed by the key whose turn it was, and lies below the signed head."""
    head, lines = pack.json("ledger/head.json"), pack.json("ledger/entries.jsonl", lines=True)
    pack.entries = [(line["entry"], json.loads(line["entry"]["payload_json"])) for line in lines]
    handovers = [(entry["index"], entry["key"], said["key"]) for entry, said in pack.entries
                 if entry["kind"] == "key rotated"]
    pack.keys = [old for _, old, _ in handovers] + [head["key"]]
    digest = sha256(canonical({key: value for key, value in head.items() if key != "signature"}))
    unless((pack.trusted in (None, *pack.keys), f"the key that you trust is none of the pack's: {' '.join(pack.keys)}"),
           (pack.keys[1:] == [new for _, _, new in handovers], "a key was not handed over to by the one before"),
           (signed_for("ledger head", pack.keys[-1], digest, head["signature"]), "ledger/head.json is not signed"))
    faults, last, parent = [], -1, "0" * 64
    for line in lines:
        entry, index = line["entry"], line["entry"]["index"]
        start = canonical({key: entry[key] for key in ("index", "kind", "actor", "parent")})[:-1]
        said, time = entry["payload_json"].encode(), canonical(entry["time"])
        digest = sha256(start + b',"payload":%s,"time":%s}' % (said, time))
        turn = next((old for until, old, _ in handovers if index <= until), pack.keys[-1])
        holds = (entry["hash"] == digest and entry["key"] == turn and index > last
                 and signed_for("ledger entry", turn, digest, entry["signature"])
                 and included(bytes.fromhex(digest), index, head["size"], line["path"], head["root"])
                 and (entry["parent"] == parent or index > last + 1))
        faults += [] if holds else [(False, f"entry {index} of the ledger does not hold")]
        last, parent = index, entry["hash"]
    unless(*faults)
    retired = "" if pack.trusted in (None, pack.keys[-1]) else "; the key that you trust was retired since"
    return f"{len(lines)} of {head['size']} entries, up to {head['time']}, under Merkle root {head['root']}{retired}"


def signature(pack):
    """The manifest is signed by the ledger's key: who packed is who keeps the ledger."""
    said = pack.json("MANIFEST.sig")
    holds = said["key"] == pack.keys[-1] and signed_for(said["purpose"], said["key"], said["digest"], said["signature"])
    unless((holds and said["purpose"] == "audit pack", f"MANIFEST.sig is no signature by {pack.keys[-1]}"),
           (said["digest"] == pack.manifest, "MANIFEST.sha256 was changed, or its signature is of another one"))
    return f"the manifest is signed by {pack.keys[-1]}"


def evidence(pack):
    """The bundle is the one that the version was registered under; settings, packages and rows are those of its run."""
    pack.about, sig = pack.json("pack.json"), pack.json("evidence/bundle.sig")
    pack.bundle, pack.digest = pack.json("evidence/bundle.json"), pack.sha256("evidence/bundle.json")
    found = pack.told("registered", name=pack.about["name"], version=pack.about["version"], bundle=pack.digest)
    unless((found, "no entry registers this version under evidence/bundle.json"),
           (any(signed_for("evidence bundle", key, pack.digest, sig["signature"]) for key in pack.keys),
            "evidence/bundle.json is not signed by a key of this ledger"))
    index, pack.registered = found[-1]
    pack.started = pack.told("run started", run=pack.registered["run"])[0][1]
    kept = {"run/" + path.split("/")[-1]: digest for path, digest in pack.registered.get("files", {}).items()}
    kept["run/uncommitted.patch"] = pack.started["diff_sha256"]
    roots = pack.json("rows/roots.json")
    unless((pack.registered["digest"] == pack.about["digest"] == pack.bundle["evidence"]["candidate"]
            == pack.bundle["models"][pack.about["name"]], "pack, registration and evidence name different models"),
           (pack.about == {**pack.about, "bundle": pack.digest, "run": pack.registered["run"], "entry": index},
            "pack.json names another bundle, run or entry"),
           (not roots or roots == {use: {"root": root, "rows": pack.bundle["manifest_rows"][use]}
                                   for use, root in pack.bundle["manifest_roots"].items()},
            "rows/roots.json names other rows than the evidence bundle"),
           *((pack.sha256(name) == kept[name], f"{name} is not what the ledger names") for name in sorted(kept)
             if name in pack.names))
    for use in (use for use in roots if f"rows/{use}" in pack.names):
        ids = pack.read(f"rows/{use}")
        ids = [ids[at:at + 32] for at in range(0, len(ids), 32)]
        unless(((root_of(ids), len(ids)) == (roots[use]["root"], roots[use]["rows"]), f"rows/{use} has another root"))
    return f"bundle {pack.digest}, registered by entry {index}"


def rests(finding, metrics):
    """Whether a finding has the numbers of the one metric of its name; of what is no number it has nothing."""
    found, end = [one for one in metrics if one["name"] == finding["metric"]], finding["wanted"]
    metric = found[0] if len(found) == 1 else {}
    metric = dict(metric, found=metric.get((re.findall("low|high|value", end) or ["value"])[0]))
    usable = {key: value for key, value in metric.items() if isinstance(value, (int, float))}
    return all(finding[key] == usable.get(key) or (key == "samples" and finding[key] is None and usable[key] < 1)
               for key in ("found", "low", "high", "samples"))


def decision(pack):
    """The gate's decision is in the ledger, rests on the evidence, and stands in the model card as it is."""
    gate = pack.bundle["decision"]
    found = pack.told("gate decided", run=pack.registered["run"], candidate=pack.about["digest"], decision=gate)
    card, faults = pack.read("model-card.md").decode(), []
    for one in gate["findings"]:
        number = "nothing" if one["found"] is None else f"{one['found']:.6g}"
        row = f"| {one['metric']} | {one['wanted']} | {number} | {'passed' if one['passed'] else 'failed'} |"
        faults += [(rests(one, pack.bundle["evidence"]["metrics"]),
                    f"the finding on {one['metric']} is not what the evidence says"),
                   (row in card, f"model-card.md says something else of {one['metric']}")]
    passed = bool(gate["findings"]) and all(one["passed"] for one in gate["findings"])
    unless((found, "the ledger has no such decision"), *faults,
           (passed == (gate["verdict"] == "promote"), "the verdict does not follow from the findings"))
    return f"{gate['verdict']}, {len(gate['findings'])} findings, entry {found[-1][0]}"


def approvals(pack):
    """Each signature about this version is by a key of the allow-list, and over these bytes and this evidence."""
    faults, said, listed = [], [], pack.read("approvals/approvers.yaml").decode()
    about = {"name": pack.about["name"], "version": pack.about["version"]}
    starters = {entry["actor"] for entry, one in pack.entries
                if entry["kind"] == "run started" and one["run"] == pack.registered["run"]}
    for index, one in sorted(pack.told("approved", **about) + pack.told("rejected", **about), key=lambda told: told[0]):
        words = one["statement"]
        digest = sha256(canonical({**words, "format": "hallmark approval 1"}))
        holds = signed_for("approval", one["key"], digest, one["signature"]) and bool(
            re.search(rf"\b{re.escape(one['key'])}\b", listed))
        other = "" if words["bundle"] == pack.digest else ", over an earlier bundle"
        faults.append((holds and words["model"] == pack.about["digest"] and {**words, **about} == words,
                       f"the signature of {words['approver']} in entry {index} does not count"))
        said.append(f"{words['approver']}: {words['decision']}, entry {index}{other}")
    signers = {one["statement"]["approver"] for _, one in pack.told("approved", **about)}
    faults += [({*one.get("approvals", ())} <= signers, f"entry {index} promotes it on signatures that are not here")
               for index, one in pack.told("promoted", **about)]
    unless(*faults)
    return f"{'; '.join(said) or 'nobody signed'}. The run was started by {', '.join(sorted(starters))}"


def statements(pack):
    """The in-toto statements are signed (DSSE), about the files of this model, and say what the ledger says."""
    parts, said, faults = pack.json("model/files.json"), {}, []
    unless((model_digest(parts) == pack.about["digest"], "model/files.json lists another model"))
    for name in ("provenance", "test-result"):
        envelope = pack.json(f"attestations/{name}.intoto.json")
        kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"], validate=True)
        mark = base64.b64decode(envelope["signatures"][0]["sig"], validate=True).hex()
        said[name] = json.loads(payload)
        subject = [(one["name"], one["digest"]["sha256"]) for one in said[name]["subject"]]
        faults += [(signed(pack.keys[-1], b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload), mark),
                    f"the {name} statement is not signed"),
                   (sorted(subject) == sorted((one["path"], one["sha256"]) for one in parts),
                    f"the {name} statement is about another model")]
    built, result = said["provenance"]["predicate"], said["test-result"]["predicate"]
    commits = [one.get("digest", {}).get("gitCommit") for one in built["buildDefinition"]["resolvedDependencies"]]
    failed = sorted(one["metric"] for one in pack.bundle["decision"]["findings"] if not one["passed"])
    verdict = {"promote": "PASSED", "refuse": "FAILED"}[pack.bundle["decision"]["verdict"]]
    unless(*faults, (pack.started["commit"] in commits, "the provenance names another commit than the ledger"),
           (built["runDetails"]["metadata"]["invocationId"] == pack.registered["run"],
            "the provenance is of another run"),
           ((result["result"], sorted(result.get("failedTests", []))) == (verdict, failed),
            "the test result is not the gate's decision"))
    return f"provenance and test result of the model {pack.about['digest']}"


def documents(pack):
    """The bill of materials and the data sheet name the same bytes, and the Annex IV table rests on these entries."""
    parts, known = pack.json("model/files.json"), {str(entry["index"]) for entry, _ in pack.entries}
    bom = pack.json("bom/model.cdx.json")["metadata"]["component"]
    numbers = [(one["type"], one["value"]) for one in bom["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]]
    measured = [(one["name"], one["value"]) for one in pack.bundle["evidence"]["metrics"]]
    faults = [({one["hashes"][0]["content"] for one in bom["components"]} == {one["sha256"] for one in parts},
               "bom/model.cdx.json names other files of the model"),
              (numbers == [(name, value if isinstance(value, str) else f"{value:.6g}") for name, value in measured],
               "bom/model.cdx.json names other metrics than the evidence")]
    if "data/croissant.json" in pack.names:
        sheet = {one["sha256"] for one in pack.json("data/croissant.json")["distribution"]}
        faults += [(sheet == {one["sha256"] for one in pack.json("run/report.json")["sources"]},
                    "data/croissant.json names other data than run/report.json")]
    for row in csv.DictReader(io.StringIO(pack.read("annex-iv.csv").decode())):
        named = set(row["ledger entries"].split())
        faults += [(not named if row["answer"] == "not recorded" else bool(named) and named <= known,
                    f"annex-iv.csv, point {row['point']}, rests on no entry of the pack")]
    unless(*faults)
    return "bill of materials, data sheet and Annex IV table agree with the ledger"


def model(pack):
    """The model's bytes, in the pack or in a copy of it, are those of model/files.json."""
    wanted = {one["path"]: one["sha256"] for one in pack.json("model/files.json")}
    found = {name[len("model/files/"):]: pack.sha256(name) for name in pack.names if name.startswith("model/files/")}
    if pack.copy:
        copy = Pack(pack.copy, None)
        found = {name: copy.sha256(name) for name in copy.names}
    if not found and not pack.copy:
        return "its bytes are not in the pack; --model FOLDER checks a copy of them"
    unless(*((wanted.get(name) == found.get(name), f"{name} " + (
        "is missing" if name not in found else "was changed" if name in wanted else "is no file of this model"))
        for name in sorted({*wanted, *found})))
    return f"{len(found)} files are those of the model {model_digest(pack.json('model/files.json'))}"


def public_key(said):
    """A key as hex, from hex or from a PEM file. Raises ValueError where it is neither."""
    if re.fullmatch("[0-9a-f]{64}", said):
        return said
    raw = base64.b64decode("".join(line for line in Path(said).read_text().splitlines() if "-----" not in line))
    if len(raw) != 44 or raw[:12].hex() != "302a300506032b6570032100":
        raise ValueError(f"{said} is no Ed25519 public key")
    return raw[12:].hex()


def show(*words):
    """Print what may hold names that somebody else chose: no escape code, and no line that looks like one of ours."""
    print("".join(letter if letter.isprintable() else "?" for letter in "".join(words)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", help="the public key that you trust")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="a copy of the model, to be checked too")
    asked = parser.parse_args()
    try:
        pack = Pack(asked.pack, public_key(asked.key) if asked.key else None)
        if "MANIFEST.sha256" not in pack.names or (asked.model and not asked.model.is_dir()):
            raise ValueError(f"{asked.pack} is no pack, or {asked.model} no folder")
    except UNREADABLE as error:
        print(f"nothing was checked: {error}", file=sys.stderr)
        return 2
    failed, pack.copy = 0, asked.model
    checks = files, ledger, signature, evidence, decision, approvals, statements, documents, model
    for check in checks:
        try:
            show(f"ok     {check.__name__:<11}", check(pack))
        except Wrong as error:
            failed += 1
            for fault in error.args:
                show(f"WRONG  {check.__name__:<11}", fault)
        except UNREADABLE as error:
            failed += 1
            show(f"WRONG  {check.__name__:<11}cannot be checked: {type(error).__name__} {error}")
    if failed:
        show(f"NOT verified: {failed} of {len(checks)} checks do not hold")
    elif asked.key:
        show(f"verified: {pack.about['name']} version {pack.about['version']}, model {pack.about['digest']}")
    else:
        show(f"consistent, and no more: the key is the pack's own, {pack.keys[-1]}. "
             "Compare it with one that you have from elsewhere, and give that with --key.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
