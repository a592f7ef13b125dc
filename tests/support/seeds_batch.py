"""Seeds for fuzzing what lamina-batch reads: rows of sources, prompts, schemas with answers.

{name: text}; "ok-...": all rows are read, the prompt is made, the answer fits; "bad-...": a sentence says why not."""

import seeds_text

ROW = '{"id":1,"a":"x\\u00e4😀","b":{"c":[1.5,{"d":null}]},"n":1234567,"z":-0.001,"t":true,"w":12,"p":2,"l":[],"big":123456789012345678901234567890}'


def prompt(template, row=ROW):
    return f"{template}\n{row}"


PROMPT = {
    "ok-plain": prompt("no field"),
    "ok-field": prompt("{a}"),
    "ok-braces": prompt("{{{a}}} }}{{"),
    "ok-path": prompt("{b[c][0]} {b[c][1][d]}"),
    "ok-values": prompt("{t} {l} {b} {big} {z} {n}"),
    "ok-conversions": prompt("{a!s} {a!r} {a!a} {b!r}"),
    "ok-align": prompt("{a:>20} {a:<20} {a:^20} {a:*^7} {a:😀<9}"),
    "ok-string": prompt("{a:.1} {a:10.2s} {a:0<5}"),
    "ok-integers": prompt("{n:d} {n:b} {n:o} {n:x} {n:X} {n:n}"),
    "ok-character": prompt("{w:c}"),
    "ok-signs": prompt("{n:+} {n:-} {n: } {n:=+12} {n:012}"),
    "ok-alternate": prompt("{n:#x} {n:#b} {n:#o} {z:#.0f}"),
    "ok-groups": prompt("{n:,} {n:_} {n:_x} {z:,.3f}"),
    "ok-floats": prompt("{z:e} {z:E} {z:f} {z:F} {z:g} {z:G} {z:%} {z:.0f} {z:10.3}"),
    "ok-float-of-integer": prompt("{n:.2f} {n:e} {n:%}"),
    "ok-nested": prompt("{z:{w}.{p}f} {a:{w}}"),
    "ok-bool": prompt("{t:d} {t:>8}"),
    "ok-big": prompt("{big:,} {big:x}"),
    "ok-escapes": prompt("{a}", '{"id":1,"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\ud83d\\ude00"}'),
    "ok-names": prompt("{a b} {a-b} {ä}", '{"id":1,"a b":1,"a-b":2,"ä":3}'),
    "bad-open": prompt("{a"),
    "bad-close": prompt("a}"),
    "bad-empty-name": prompt("{}"),
    "bad-number-name": prompt("{0}"),
    "bad-conversion": prompt("{a!z}"),
    "bad-open-index": prompt("{b[c}"),
    "bad-empty-index": prompt("{b[]}"),
    "bad-behind-index": prompt("{b[c]d}"),
    "bad-nested-deep": prompt("{a:{w:{p}}}"),
    "bad-missing": prompt("{nothing}"),
    "bad-missing-member": prompt("{b[nothing]}"),
    "bad-missing-item": prompt("{b[c][9]}"),
    "bad-no-container": prompt("{a[x]}"),
    "bad-kind-of-string": prompt("{a:d}"),
    "bad-kind-of-object": prompt("{b:>5}"),
    "bad-kind-of-integer": prompt("{n:s}"),
    "bad-precision-of-integer": prompt("{n:.2d}"),
    "bad-groups-of-string": prompt("{a:,}"),
    "bad-two-groups": prompt("{n:,_}"),
    "bad-character": prompt("{big:c}"),
    "bad-width": prompt("{a:99999999999999999999}"),
    "bad-nested-width": prompt("{a:{t}}", '{"id":1,"a":"x","t":"?"}'),
    "bad-precision": prompt("{z:.}"),
    "bad-row": prompt("{a}", "[1]"),
    "bad-row-cut": prompt("{a}", '{"a":'),
    "bad-no-row": "{a}",
}

JSONL = [text.encode() if isinstance(text, str) else text for name, text in seeds_text.JSON.items()
    if name.startswith("bad-") and name not in ("bad-nothing", "bad-space")]


def rows(kind, after, *lines, end=b"\n"):
    """A source: which format, after how many rows to go on elsewhere, its lines."""
    return bytes([{"jsonl": 0, "csv": 1}[kind], after]) + b"".join(
        (line.encode() if isinstance(line, str) else line) + end for line in lines)


ROWS = {
    "ok-jsonl": rows("jsonl", 0, '{"id":1}', '{"id":2,"a":[1,{"b":null}]}', '{"id":"c"}'),
    "ok-jsonl-stop-later": rows("jsonl", 1, '{"id":1}', '{"id":2}', '{"id":3}'),
    "ok-jsonl-crlf": rows("jsonl", 0, '{"id":1}', '{"id":2}', end=b"\r\n"),
    "ok-jsonl-mark": rows("jsonl", 0, '\ufeff{"id":1}', '{"id":2}'),
    "ok-jsonl-empty-lines": rows("jsonl", 0, "", '{"id":1}', " \t", '{"id":2}', ""),
    "ok-jsonl-no-line-end": rows("jsonl", 0, '{"id":1}', '{"id":2}')[:-1],
    "ok-jsonl-ids": rows("jsonl", 0, '{"id":-0.5e3}', '{"id":123456789012345678901234567890}', '{"id":"\\u00e4\\ud83d\\ude00"}', '{"\\u0069d":"x"}'),
    "ok-jsonl-spaces": rows("jsonl", 0, '  { "a" : "\\/" , "id" : 1 }  ', '{"id":"a\u2028b"}'),
    "ok-jsonl-long": rows("jsonl", 0, '{"id":1,"a":"' + "x" * 70_000 + '"}', '{"id":2}'),
    "ok-csv": rows("csv", 0, "id,a", "1,x", "2,y", "3,z"),
    "ok-csv-quoted": rows("csv", 0, '"id","a ""b"""', '1,"x', 'y"', '2,"c,d"'),
    "ok-csv-crlf": rows("csv", 0, "a,id", "x,1", "y,2", end=b"\r\n"),
    "ok-csv-mark": rows("csv", 0, "\ufeffid,a", "1,x"),
    "ok-csv-utf8": rows("csv", 0, "id,ä", "1,€😀", "é,x"),
    "ok-csv-empty-lines": rows("csv", 0, "id,a", "", "1,x", "", "2,y"),
    "ok-csv-empty-fields": rows("csv", 0, "id,a,b", "1,,", "2,,"),
    "bad-csv-nothing": rows("csv", 0),
    "bad-csv-no-id": rows("csv", 0, "a,b", "1,2"),
    "bad-csv-empty-id": rows("csv", 0, "id,a", ",2", "3,4"),
    "bad-csv-column-twice": rows("csv", 0, "id,id", "1,2"),
    "bad-csv-more-fields": rows("csv", 0, "id,a", "1,2,3", "4,5"),
    "ok-csv-fewer-fields": rows("csv", 0, "id,a", "1", "4,5"),
    "bad-csv-open": rows("csv", 0, "id,a", '1,"x'),
    "bad-csv-not-utf8": rows("csv", 0, "id,a", b"1,\xff", "2,x"),
    "bad-csv-nul": rows("csv", 0, "id,a", b"1,\0", "2,x"),
    "bad-jsonl-no-id": rows("jsonl", 0, '{"a":1}', '{"id":2}'),
    "bad-jsonl-null-id": rows("jsonl", 0, '{"id":null}', '{"id":[]}', '{"id":true}', '{"id":""}'),
    "bad-jsonl-key-twice": rows("jsonl", 0, '{"id":1,"a":{"b":1,"b":2}}', '{"id":1,"\\u0069d":2}'),
    "bad-jsonl-long-id": rows("jsonl", 0, '{"id":"' + "x" * 2000 + '"}', '{"id":2}'),
    "bad-jsonl-no-object": rows("jsonl", 0, "[]", "1", '"x"', "null", '{"id":1}'),
    "bad-jsonl-values": rows("jsonl", 0, *(b'{"id":1,"a":' + text.replace(b"\n", b"") + b"}" for text in JSONL)),
}

STRING = '{"type":"object","properties":{"a":%s},"required":["a"]}\n%s'


def schema(of_a, answer):
    return STRING % (of_a, answer)


SCHEMA = {
    "ok-empty": '{"type":"object"}\n{}',
    "ok-fence": schema('{"type":"string"}', '\n```JSON\n{"a":"x"}\n```\n'),
    **{f"ok-{name}": schema(of_a, f'{{"a":{value}}}') for name, (of_a, value) in {
        "string": ('{"type":"string","minLength":1,"maxLength":3}', '"ä€😀"'), "integer": ('{"type":"integer"}', "1.0"),
        "number": ('{"type":"number","minimum":-1,"exclusiveMaximum":1e3}', "-1"), "null": ('{"type":["null","string"]}', "null"),
        "boolean": ('{"type":"boolean","const":true}', "true"), "enum": ('{"enum":[1,"x",null,[2]]}', "[2]"),
        "multiple": ('{"type":"number","multipleOf":0.5}', "2.5"), "any": ("{}", "[1]"), "yes": ("true", "{}"),
        "array": ('{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2,"uniqueItems":true}', "[1,2]"),
        "tuple": ('{"type":"array","prefixItems":[{"type":"string"}],"items":false}', '["x"]'),
        "object": ('{"type":"object","additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2}', '{"b":1}'),
        "any-of": ('{"anyOf":[{"type":"string"},{"type":"integer"}]}', "1"), "one-of": ('{"oneOf":[{"type":"string"},{"const":1}]}', "1"),
        "all-of": ('{"allOf":[{"type":"integer"},{"minimum":1}]}', "2"), "not": ('{"not":{"type":"string"}}', "1"),
        "notes": ('{"title":"t","description":"d","default":1,"examples":[1],"format":"date","deprecated":true,"readOnly":false,"$comment":"c"}', "1"),
    }.items()},
    "ok-ref": '{"$ref":"#/$defs/r","$defs":{"r":{"type":"object","properties":{"n":{"anyOf":[{"$ref":"#/$defs/r"},{"type":"null"}]}}}}}\n{"n":{"n":null}}',
    "ok-definitions": '{"type":"object","properties":{"a":{"$ref":"#/definitions/x~1y"}},"definitions":{"x/y":{"const":1}}}\n{"a":1}',
    "bad-schema": "nothing\n{}",
    "bad-root": '{"type":"string"}\n"x"',
    "bad-keyword": '{"type":"object","if":{}}\n{}',
    "bad-type": schema('{"type":"text"}', '{"a":1}'),
    "bad-types": schema('{"type":[]}', '{"a":1}'),
    "bad-count": schema('{"minLength":-1}', '{"a":1}'),
    "bad-multiple": schema('{"multipleOf":0}', '{"a":1}'),
    "bad-required": '{"type":"object","required":"a"}\n{}',
    "bad-ref": schema('{"$ref":"#/$defs/gone"}', '{"a":1}'),
    "bad-ref-outside": schema('{"$ref":"https://x.invalid/s.json"}', '{"a":1}'),
    "bad-ref-to-itself": schema('{"$ref":"#/properties/a"}', '{"a":1}'),
    "bad-items": schema('{"items":[1]}', '{"a":1}'),
    "bad-any-of": schema('{"anyOf":[]}', '{"a":1}'),
    "bad-deep": '{"type":"object","properties":' + '{"a":{"properties":' * 200 + "{}" + "}}" * 200 + "}\n{}",
    "bad-no-answer": '{"type":"object"}\n',
    "bad-answer-text": '{"type":"object"}\nSure: {}',
    "bad-answer-open-fence": '{"type":"object"}\n```json\n{',
    "bad-answer-twice": '{"type":"object"}\n{"a":1,"a":2}',
    **{f"bad-answer-{name}": schema(of_a, f'{{"a":{value}}}') for name, (of_a, value) in {
        "string": ('{"type":"string"}', "1"), "length": ('{"maxLength":1}', '"ab"'), "integer": ('{"type":"integer"}', "1.5"),
        "minimum": ('{"minimum":1}', "0"), "const": ('{"const":1}', "2"), "enum": ('{"enum":[1]}', "true"), "multiple": ('{"multipleOf":3}', "4"),
        "unique": ('{"uniqueItems":true}', "[1,1.0]"), "items": ('{"items":{"type":"null"}}', "[1]"), "not": ('{"not":{}}', "1"),
        "one-of": ('{"oneOf":[{},{}]}', "1"), "any-of": ('{"anyOf":[{"const":1}]}', "2"), "no": ("false", "1"),
    }.items()},
    "bad-answer-required": schema("{}", "{}"),
    "ok-answer-more": schema("{}", '{"a":1,"b":2}'),
}
