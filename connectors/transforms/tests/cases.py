#!/usr/bin/env python3
"""Prints the cases of the golden files, one JSON object a line, for tests/java/TransformOracle.java.

usage: cases.py settings|chosen|times|random [seed]
The seed of the random cases is printed on standard error; each case also carries its own.
"""
import json
import random
import sys

LOGICAL = "org.apache.kafka.connect.data."
DAY = 86_400_000
SIDED = ["Cast", "ExtractField", "Flatten", "HeaderFrom", "HoistField", "InsertField", "MaskField", "ReplaceField",
         "SetSchemaMetadata", "TimestampConverter"]
PLAIN = ["DropHeaders", "Filter", "InsertHeader", "RegexRouter", "TimestampRouter", "ValueToKey"]
PREDICATES = ["predicates.HasHeaderKey", "predicates.RecordIsTombstone", "predicates.TopicNameMatches"]
PRIMITIVES = {"i8": "INT8", "i16": "INT16", "i32": "INT32", "i64": "INT64", "f32": "FLOAT32", "f64": "FLOAT64",
              "bool": "BOOLEAN", "s": "STRING", "bytes": "BYTES"}


def emit(name, config, record):
    print(json.dumps({"class": name, "config": config, "record": record}, separators=(",", ":"), ensure_ascii=False))


def struct(*fields, **attributes):
    return {"type": "STRUCT", "fields": [list(field) for field in fields], **attributes}


def optional(ty, **attributes):
    return {"type": ty, "optional": True, **attributes}


def logical(name, **attributes):
    base = {"Decimal": "BYTES", "Date": "INT32", "Time": "INT32", "Timestamp": "INT64"}[name]
    schema = {"type": base, "name": LOGICAL + name, "version": 1, **attributes}
    if name == "Decimal":
        schema["parameters"] = {"scale": "2"}
    return schema


def entries(**pairs):
    return {"map": [[key, value] for key, value in pairs.items()]}


VALUES = {
    "i8": [{"i8": 5}, {"i8": -128}], "i16": [{"i16": 300}], "i32": [{"i32": 70000}, {"i32": -1}, {"i32": 0}],
    "i64": [{"i64": "9223372036854775807"}, {"i64": "4294967296123"}], "f32": [{"f32": "1.5"}, {"f32": "1.0E7"}],
    "f64": [{"f64": "-2.75"}, {"f64": "1.0E300"}, {"f64": "NaN"}, {"f64": "0.4"}],
    "bool": [{"bool": True}, {"bool": False}],
    "s": [{"s": "42"}, {"s": "-7"}, {"s": "+7"}, {"s": "300"}, {"s": "1.5"}, {"s": " 1e3 "}, {"s": "true"}, {"s": "TrUe"},
          {"s": ""}, {"s": "x"}, {"s": "NaN"}, {"s": "2d"}, {"s": "inf"}],
    "bytes": [{"bytes": "00ff10"}, {"bytes": ""}],
}
FULL = struct(("a", "INT32"), ("b", optional("STRING")), ("c", {"type": "INT64", "default": {"i64": "7"}}),
              ("d", optional("FLOAT64", default={"f64": "1.5"})), name="n", version=2, doc="text",
              parameters={"p": "1", "q": "2"})
FULL_VALUE = {"struct": {"a": {"i32": 1}, "b": {"s": "x"}, "c": {"i64": "3"}, "d": {"f64": "2.5"}}}
HOLES = {"struct": {"a": {"i32": 1}}}
MAP = entries(alpha={"i32": 1}, beta={"s": "x"}, gamma=None, d={"f64": "0.5"}, e={"list": [{"i8": 1}]})
RND = "replace.null.with.default"


def settings():
    names = [f"{name}${side}" for name in SIDED for side in ("Key", "Value")] + PLAIN + PREDICATES
    for name in names:
        print(json.dumps({"class": name}, separators=(",", ":")))


def on_both_sides(name, config, schema, value, **rest):
    for side, prefix in (("Value", "value"), ("Key", "key")):
        emit(f"{name}${side}", config, {prefix + "Schema": schema, prefix: value, **rest} if schema else {prefix: value, **rest})


def cast():
    targets = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"]
    for kind, values in VALUES.items():
        for target in targets:
            for value in values:
                emit("Cast$Value", {"spec": target}, {"value": value})
            emit("Cast$Key", {"spec": "f:" + target.upper()},
                 {"keySchema": struct(("f", PRIMITIVES[kind])), "key": {"struct": {"f": values[0]}}})
    dates = [("Date", 19000 * DAY), ("Time", 3_723_004), ("Timestamp", 1_700_000_000_123), ("Timestamp", -5),
             ("Date", 1), ("Time", DAY)]
    for name, millis in dates:
        for target in ("int32", "int64", "string", "boolean"):
            emit("Cast$Value", {"spec": "f:" + target}, {"valueSchema": struct(("f", logical(name))),
                                                        "value": {"struct": {"f": {"date": str(millis)}}}})
            emit("Cast$Value", {"spec": target}, {"valueSchema": logical(name, optional=True), "value": {"date": str(millis)}})
    for target in targets:
        emit("Cast$Value", {"spec": target}, {"valueSchema": logical("Decimal"), "value": {"decimal": "-300.75"}})
        emit("Cast$Value", {"spec": target}, {"value": {"decimal": "1.50"}})
    emit("Cast$Value", {"spec": "string"}, {"value": {"date": "0"}})
    emit("Cast$Value", {"spec": "string"}, {"value": {"list": []}})
    emit("Cast$Value", {"spec": "string"}, {"value": MAP})
    emit("Cast$Value", {"spec": "int8"}, {"valueSchema": FULL, "value": FULL_VALUE})
    for spec in ("a:string,c:int8,d:boolean", "b:int8", "zz:int8,a:int64", "a:int8,alpha:string,beta:int8", "alpha:int8",
                 "alpha:int64,d:int8,zz:string,yy:int8,xx:int8", "e:string"):
        for rnd in ("true", "false"):
            on_both_sides("Cast", {"spec": spec, RND: rnd}, FULL, FULL_VALUE)
            on_both_sides("Cast", {"spec": spec, RND: rnd}, FULL, HOLES)
        on_both_sides("Cast", {"spec": spec}, None, MAP)
    on_both_sides("Cast", {"spec": "a:int8"}, FULL, None)
    on_both_sides("Cast", {"spec": "a:int8"}, None, None)
    on_both_sides("Cast", {"spec": "a:int8"}, "INT32", {"i32": 1})
    on_both_sides("Cast", {"spec": "a:int8"}, None, {"i32": 1})
    emit("Cast$Value", {"spec": "int8"}, {"valueSchema": {"type": "INT32", "name": "n", "optional": True, "doc": "d",
                                                        "default": {"i32": 300}}, "value": {"i32": 1}})
    emit("Cast$Value", {"spec": "a:string"}, {"valueSchema": struct(("a", "INT8"), optional=True, name="n"),
                                            "value": {"struct": {"a": {"i8": 1}}}})
    emit("Cast$Value", {"spec": "a:string"}, {
        "valueSchema": struct(("a", "INT8"), default={"struct": {"a": {"i8": 1}}}), "value": {"struct": {"a": {"i8": 1}}}})
    for spec in ("", "a:b:c", "a:x", "x", "a:bytes", "bytes", "int8,a:int8", "int8,int16", "a:int8,a:int8", "a:int8,a:int16",
                 "a:int8,,b:int8", "a:", "a: INT8 ", "struct", None):
        emit("Cast$Value", {} if spec is None else {"spec": spec}, {"value": entries(a={"i32": 300})})


def extract():
    nested = struct(("a", optional_struct(("b", FULL), ("x.y", "INT8"))), ("i", "INT32"))
    value = {"struct": {"a": {"struct": {"b": HOLES, "x.y": {"i8": 3}}}, "i": {"i32": 9}}}
    schemaless = entries(a=entries(b=entries(a={"i32": 1}), **{"x.y": {"i8": 3}}), i={"i32": 9}, n=None, **{"a.b": {"s": "flat"}})
    for path in ("a", "i", "zz", "a.b", "a.b.a", "a.b.c", "a.b.d", "a.`x.y`", "a.zz", "n.b", "i.b", "`a.b`", "`a", "a.`b", "",
                 "a.", ".a", "`a`.b", "n"):
        for version in ("V1", "v2"):
            for rnd in ("true", "false"):
                config = {"field": path, "field.syntax.version": version, RND: rnd}
                emit("ExtractField$Value", config, {"valueSchema": nested, "value": value})
            emit("ExtractField$Key", config, {"key": schemaless})
        emit("ExtractField$Value", {"field": path, "field.syntax.version": "V2"},
             {"valueSchema": nested, "value": {"struct": {"i": {"i32": 9}}}})
    on_both_sides("ExtractField", {"field": "a"}, None, None)
    on_both_sides("ExtractField", {"field": "a"}, FULL, None)
    on_both_sides("ExtractField", {"field": "a"}, None, {"s": "x"})
    on_both_sides("ExtractField", {"field": "a"}, "STRING", {"s": "x"})
    on_both_sides("ExtractField", {"field": "a"}, optional("STRING"), None)
    on_both_sides("ExtractField", {"field": "c", RND: "false"}, FULL, HOLES)
    emit("ExtractField$Value", {"field": "a", "field.syntax.version": "V3"}, {})
    emit("ExtractField$Value", {}, {})


def optional_struct(*fields, **attributes):
    return struct(*fields, optional=True, **attributes)


def flatten():
    inner = struct(("x", "INT8"), ("y", optional("STRING")), ("z", {"type": "INT32", "default": {"i32": 4}}))
    nested = struct(("a", inner), ("b", optional_struct(("i", inner), ("l", {"type": "ARRAY", "value": "INT8"}))),
                    ("c", "INT64"), ("t", logical("Timestamp")), ("k", logical("Decimal", optional=True)), name="n", doc="d",
                    parameters={"p": "1"})
    value = {"struct": {"a": {"struct": {"x": {"i8": 1}}}, "b": {"struct": {
        "i": {"struct": {"x": {"i8": 2}, "y": {"s": "s"}}}, "l": {"list": [{"i8": 1}]}}}, "c": {"i64": "5"},
        "t": {"date": "7"}, "k": {"decimal": "1.50"}}}
    partial = {"struct": {"a": {"struct": {"x": {"i8": 1}}}, "c": {"i64": "5"}, "t": {"date": "7"}}}
    for config in ({}, {"delimiter": "_"}, {"delimiter": ""}, {"delimiter": "##"}):
        on_both_sides("Flatten", config, nested, value)
        on_both_sides("Flatten", config, nested, partial)
        on_both_sides("Flatten", config, None, entries(a=entries(b={"i8": 1}, c=entries(d=None, e={"list": []})), z=None,
                                                      **{"a.b": {"s": "clash"}}, m=entries()))
    on_both_sides("Flatten", {}, nested, {"struct": {"c": {"i64": "5"}, "t": {"date": "7"}}})
    on_both_sides("Flatten", {}, nested, None)
    on_both_sides("Flatten", {}, None, None)
    on_both_sides("Flatten", {}, None, {"s": "x"})
    on_both_sides("Flatten", {}, "STRING", {"s": "x"})
    on_both_sides("Flatten", {}, None, entries(a={"date": "5"}))
    on_both_sides("Flatten", {}, None, entries(a=entries(b={"decimal": "1"})))
    maps = struct(("a", struct(("m", {"type": "MAP", "key": "STRING", "value": "INT8"}))))
    on_both_sides("Flatten", {}, maps, {"struct": {"a": {"struct": {"m": {"map": []}}}}})
    clash = struct(("a", struct(("b", "INT8"))), ("a.b", "INT8"))
    on_both_sides("Flatten", {}, clash, {"struct": {"a": {"struct": {"b": {"i8": 1}}}, "a.b": {"i8": 1}}})
    default = struct(("s", struct(("x", optional("INT8")), ("y", {"type": "INT8", "default": {"i8": 9}}),
                                  default={"struct": {"x": {"i8": 8}, "y": {"i8": 7}}})))
    for content in ({"s": {"struct": {}}}, {"s": {"struct": {"x": {"i8": 1}, "y": {"i8": 2}}}}, {}):
        on_both_sides("Flatten", {}, default, {"struct": content})
    outer = optional_struct(("x", "INT8"), ("l", {"type": "ARRAY", "value": optional("STRING"), "optional": True}),
                            default={"struct": {"x": {"i8": 8}}})
    on_both_sides("Flatten", {}, outer, {"struct": {"x": {"i8": 1}}})
    on_both_sides("Flatten", {}, outer, None)


def headers():
    present = [["h", "STRING", {"s": "1"}], ["k", None, {"i32": 2}], ["h", None, None]]
    for names in ("h", "k,h", "zz", "", "h,h", "h,,k", None):
        emit("DropHeaders", {} if names is None else {"headers": names}, {"headers": present, "value": {"s": "v"}})
    for literal in ("42", "300", "text", "true", "1.5", "[1,2]", '{"a":1}', "2020-01-01", "", "null", " x ", '"q"', "1e400", None):
        config = {"header": "h"} if literal is None else {"header": "h", "value.literal": literal}
        emit("InsertHeader", config, {"headers": present})
    emit("InsertHeader", {"value.literal": "1"}, {})
    emit("InsertHeader", {"header": "", "value.literal": "1"}, {})
    for fields, names in (("a", "x"), ("a,b", "x,y"), ("b,zz", "x,y"), ("a", "x,y"), ("", "x"), ("a", ""), ("a,a", "x,y"),
                          ("c,d", "x,x"), ("alpha,zz,gamma", "x,y,z")):
        for operation in ("move", "copy"):
            for rnd in ("true", "false"):
                config = {"fields": fields, "headers": names, "operation": operation, RND: rnd}
                emit("HeaderFrom$Value", config, {"valueSchema": FULL, "value": FULL_VALUE, "headers": present})
                emit("HeaderFrom$Value", config, {"valueSchema": FULL, "value": HOLES})
            emit("HeaderFrom$Key", config, {"key": MAP, "headers": present})
    config = {"fields": "a", "headers": "x", "operation": "move"}
    on_both_sides("HeaderFrom", config, FULL, None)
    on_both_sides("HeaderFrom", config, None, None)
    on_both_sides("HeaderFrom", config, None, {"s": "x"})
    on_both_sides("HeaderFrom", config, "STRING", {"s": "x"})
    emit("HeaderFrom$Value", {**config, "operation": "drop"}, {"value": MAP})
    emit("HeaderFrom$Value", {"fields": "a", "operation": "copy"}, {"value": MAP})
    for name in ("h", "zz", "", None):
        emit("predicates.HasHeaderKey", {} if name is None else {"name": name}, {"headers": present})


def hoist_and_insert():
    for schema, value in ((None, {"s": "x"}), (None, None), ("INT32", {"i32": 1}), ("INT32", None), (optional("INT32"), None),
                          (FULL, HOLES), ({"type": "INT32", "default": {"i32": 5}}, None)):
        on_both_sides("HoistField", {"field": "f"}, schema, value)
        on_both_sides("HoistField", {"field": ""}, schema, value)
    emit("HoistField$Value", {}, {})
    everything = {"topic.field": "topic", "partition.field": "part!", "offset.field": "off?", "timestamp.field": "time",
                  "static.field": "fixed!", "static.value": "text"}
    records = [{"offset": 5, "partition": 3, "timestamp": 99, "topic": "o-1"}, {"offset": 5}, {"partition": 3}, {}]
    for rest in records:
        configs = [everything, {"topic.field": "t!"}, {"offset.field": "o"}, {"partition.field": "p"}, {"timestamp.field": "w!"},
                   {"static.field": "s?", "static.value": ""}, {"static.field": "s", "static.value": "alpha"},
                   {"topic.field": "a"}, {"topic.field": "alpha", "static.field": "!", "static.value": "v"}]
        for config in configs:
            emit("InsertField$Value", config, {"valueSchema": FULL, "value": FULL_VALUE, **rest})
            emit("InsertField$Key", config, {"key": MAP, **rest})
        emit("InsertField$Value", {**everything, RND: "false"}, {"valueSchema": FULL, "value": HOLES, **rest})
        emit("InsertField$Value", everything, {"valueSchema": FULL, "value": HOLES, **rest})
    for config in ({}, {"static.value": "v"}, {"static.field": "s"}, {"static.field": "s?"}, {"topic.field": ""}):
        emit("InsertField$Value", config, {"value": MAP})
    for schema, value in ((None, {"s": "x"}), (None, None), ("INT32", {"i32": 1}), (FULL, None)):
        on_both_sides("InsertField", {"topic.field": "t"}, schema, value)
    for n in range(0, 14):
        emit("InsertField$Value", {"topic.field": "topic", "static.field": "fixed", "static.value": "v"},
             {"value": {"map": [[f"key{i * 7}", {"i32": i}] for i in range(n)]}})


def mask():
    fields = [(kind, name) for kind, name in PRIMITIVES.items()] + [
        ("dec", logical("Decimal")), ("date", logical("Date")), ("time", logical("Timestamp")),
        ("list", {"type": "ARRAY", "value": "INT8"}), ("map", {"type": "MAP", "key": "STRING", "value": "INT8"}),
        ("struct", struct(("x", "INT8"))), ("o", optional("STRING")), ("w", optional("STRING", default={"s": "w"}))]
    values = {kind: VALUES[kind][0] for kind in PRIMITIVES}
    values |= {"dec": {"decimal": "1.50"}, "date": {"date": str(DAY)}, "time": {"date": "5"}, "list": {"list": [{"i8": 1}]},
               "map": entries(a={"i8": 1}), "struct": {"struct": {"x": {"i8": 1}}}}
    schema = struct(*fields)
    for name in [name for name, _ in fields] + ["zz", "i8,s", "s,s", "s,,i8", "", None]:
        for replacement in (None, "7", "x", "300", "", "1.5"):
            config = {} if name is None else {"fields": name}
            if replacement is not None:
                config["replacement"] = replacement
            emit("MaskField$Value", config, {"valueSchema": schema, "value": {"struct": values}})
    for name in values:
        if name != "struct":
            emit("MaskField$Key", {"fields": f"{name},zz"}, {"key": entries(**{name: values[name], "other": {"i8": 1}})})
    on_both_sides("MaskField", {"fields": "a,zz,alpha,gamma,yy"}, None, MAP)
    for value in (None, {"s": "x"}):
        on_both_sides("MaskField", {"fields": "a"}, None, value)
        on_both_sides("MaskField", {"fields": "a"}, "STRING", value)
    for rnd in ("true", "false"):
        on_both_sides("MaskField", {"fields": "a,c,d", RND: rnd}, FULL, FULL_VALUE)
        on_both_sides("MaskField", {"fields": "a,c,d", RND: rnd}, FULL, HOLES)
        on_both_sides("MaskField", {"fields": "b", RND: rnd}, FULL, HOLES)


def replace():
    for config in ({}, {"exclude": "a"}, {"include": "a,c"}, {"include": "a,b", "exclude": "b"}, {"renames": "a:z,b:y"},
                   {"renames": "a:b"}, {"renames": "a:b,b:a"}, {"renames": "q:b"}, {"exclude": "a", "renames": "a:z"},
                   {"include": "z"}, {"include": "alpha,gamma", "renames": "alpha:beta,gamma:g"}, {"renames": "alpha:beta"},
                   {"exclude": "b", "renames": "a:b"}, {"renames": "a:x,a:y"}, {"renames": "a"}, {"renames": "a:b:c"},
                   {"renames": "a:"}, {"renames": ":b"}, {"renames": "a:b,a:b"}, {"exclude": "a,a"}, {"include": "a,,b"},
                   {"renames": "a:b,,c:d"}, {"blacklist": "a"}, {"renames": "a:z,b:z", "exclude": "b"}):
        for rnd in ("true", "false"):
            on_both_sides("ReplaceField", {**config, RND: rnd}, FULL, FULL_VALUE)
            emit("ReplaceField$Value", {**config, RND: rnd}, {"valueSchema": FULL, "value": HOLES})
        on_both_sides("ReplaceField", config, None, MAP)
    for schema, value in ((None, {"s": "x"}), (None, None), ("INT32", {"i32": 1}), (FULL, None)):
        on_both_sides("ReplaceField", {"exclude": "a"}, schema, value)
    emit("ReplaceField$Value", {RND: "x"}, {})


def metadata():
    schemas = [(None, None), (None, {"s": "x"}), (FULL, FULL_VALUE), (FULL, HOLES), (FULL, None), ("INT32", {"i32": 1}),
               (optional("STRING", doc="d", default={"s": "x"}), None), ({"type": "ARRAY", "value": "INT8"}, {"list": []}),
               ({"type": "MAP", "key": "STRING", "value": "INT8"}, entries(a={"i8": 1})),
               (optional_struct(("a", "INT8"), name="old", version=1), {"struct": {"a": {"i8": 1}}})]
    for schema, value in schemas:
        for config in ({"schema.name": "new"}, {"schema.version": "5"}, {"schema.name": "new", "schema.version": "5", RND: "false"},
                       {"schema.name": ""}):
            on_both_sides("SetSchemaMetadata", config, schema, value)
    for config in ({}, {"schema.version": "x"}, {RND: "false"}):
        emit("SetSchemaMetadata$Value", config, {})


def routers():
    record = {"topic": "db.Orders-17", "timestamp": 1_700_000_000_123, "value": {"s": "v"}, "key": {"i32": 1}}
    for regex, replacement in (("(.*)", "pre-$1"), ("db\\.(.*)-(\\d+)", "$2_$1"), ("db", "x"), (".*Orders.*", "$0!"), ("(?i)DB.*", "y"),
                               ("(?<n>db)\\.(.*)", "${n}-$2"), ("(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.*)", "$11$1"), (".*", "$1"), (".*", "$"),
                               (".*", "a\\$b"), (".*", "\\"), (".*", "${x}"), (".*", "${"), (".*", "$x"), ("\\Qdb.\\E.*", "q"),
                               ("[\\w.-]+", "w"), ("\\p{Lower}+\\.\\p{Alpha}+-\\p{Digit}+", "p"), ("(d)(?=b).*", "$1"), ("(?!x).*", "n"),
                               ("(db)?(x)?.*", "[$1$2]"), ("[a-z&&[^d]]*.*", "c"), ("d.*?", "l"), ("(", "x"), ("[", "x"), ("*", "x"), ("", "x"),
                               ("a{", "x"), (".*+", "pp"), ("^db.*$", "anchors"), ("db.*|x", "alt"), ("x|db.*", "alt2"), ("(.*)-(.*)", "$2-$1"),
                               (".*", "${1}"), (".*", "é$0")):
        emit("RegexRouter", {"regex": regex, "replacement": replacement}, record)
        emit("predicates.TopicNameMatches", {"pattern": regex}, record)
    emit("RegexRouter", {"regex": ".*"}, record)
    emit("RegexRouter", {"replacement": "x"}, record)
    emit("predicates.TopicNameMatches", {}, record)
    for topic in ("${topic}-${timestamp}", "${timestamp}", "x", "${topic}${topic}", "$1${other}"):
        for pattern in ("yyyyMMdd", "yyyy-MM-dd'T'HH", "'w'ww"):
            emit("TimestampRouter", {"topic.format": topic, "timestamp.format": pattern}, record)
    emit("TimestampRouter", {}, record)
    emit("TimestampRouter", {}, {"topic": "t"})
    emit("Filter", {}, record)
    for value in (None, {"s": ""}):
        emit("predicates.RecordIsTombstone", {}, {"value": value, "valueSchema": optional("STRING")})
        emit("predicates.RecordIsTombstone", {}, {"value": value, "key": {"i8": 1}})
    for fields in ("a", "b,a", "zz", "a,a", "", "a,,b", "c,d", "alpha,zz,gamma", None):
        for rnd in ("true", "false"):
            config = {RND: rnd} if fields is None else {"fields": fields, RND: rnd}
            emit("ValueToKey", config, {"valueSchema": FULL, "value": FULL_VALUE, "key": {"s": "old"}})
            emit("ValueToKey", config, {"valueSchema": FULL, "value": HOLES})
            emit("ValueToKey", config, {"value": MAP})
    for schema, value in ((None, None), (FULL, None), (None, {"s": "x"}), ("STRING", {"s": "x"})):
        emit("ValueToKey", {"fields": "a"}, {"valueSchema": schema, "value": value})


def chosen():
    for part in (cast, extract, flatten, headers, hoist_and_insert, mask, replace, metadata, routers):
        part()


INSTANTS = [0, 1_700_000_000_123, -1, 951_782_400_000, 1_078_012_800_001, 253_402_300_799_999, -62_135_596_800_000,
            -62_135_596_800_001, -12_219_292_800_001, -12_219_292_800_000, 1_704_067_199_999, 43_200_000]
PATTERNS = ["yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "yyyyMMddHHmmss", "EEE, d MMM yyyy HH:mm:ss z", "EEEE MMMM dd yy hh:mm a",
            "yy/M/d K:m:s S", "G yyyy D", "k HH X XX XXX Z zzzz", "'it''s' yyyy ''", "w W F u Y YY E", "yyyyy MMMMM SSSS", "L LLL LLLL"]


def times():
    kinds = ["string", "unix", "Date", "Time", "Timestamp"]
    for instant in INSTANTS:
        for pattern in PATTERNS:
            if instant == -12_219_292_800_000 and "W" in pattern:
                continue  # the JVM counts the weeks of the year of the cutover in a way of its own
            emit("TimestampConverter$Value", {"target.type": "string", "format": pattern}, {"value": {"date": str(instant)}})
    for kind in kinds:
        for precision in ("seconds", "milliseconds", "microseconds", "nanoseconds"):
            config = {"target.type": kind, "unix.precision": precision, "format": "yyyy-MM-dd HH:mm:ss.SSS"}
            emit("TimestampConverter$Value", config, {"value": {"i64": "1700000000123"}})
            emit("TimestampConverter$Value", config, {"value": {"i64": "-1999"}})
            emit("TimestampConverter$Key", config, {"keySchema": optional("INT64"), "key": {"i64": "1700000000123"}})
            emit("TimestampConverter$Key", config, {"keySchema": logical("Timestamp"), "key": {"date": "1700000000123"}})
            emit("TimestampConverter$Key", config, {"keySchema": logical("Date", optional=True), "key": {"date": str(19000 * DAY)}})
            emit("TimestampConverter$Value", config, {"valueSchema": logical("Time"), "value": {"date": "3723004"}})
            emit("TimestampConverter$Value", config, {"valueSchema": "STRING", "value": {"s": "2023-11-14 22:13:20.123"}})
        config = {"target.type": kind, "field": "f", "format": "yyyy-MM-dd"}
        fields = [logical("Timestamp"), optional("STRING"), {"type": "INT64", "default": {"i64": "86400000"}}, "INT32",
                  logical("Date", optional=True, default={"date": str(DAY)}), "BOOLEAN"]
        for field in fields:
            schema = struct(("a", {"type": "INT8", "default": {"i8": 3}}), ("f", field), name="n", doc="d", optional=True)
            base = field if isinstance(field, str) else field["type"]
            named = isinstance(field, dict) and "name" in field
            value = {"date": str(DAY)} if named else {
                "STRING": {"s": "2023-01-01"}, "INT64": {"i64": "86400001"}, "INT32": {"i32": 1}, "BOOLEAN": {"bool": True}}[base]
            for rnd in ("true", "false"):
                both = {**config, RND: rnd}
                emit("TimestampConverter$Value", both, {"valueSchema": schema, "value": {"struct": {"f": value, "a": {"i8": 1}}}})
                emit("TimestampConverter$Value", both, {"valueSchema": schema, "value": {"struct": {"f": value}}})
                emit("TimestampConverter$Value", both, {"valueSchema": schema, "value": {"struct": {"a": {"i8": 1}}}})
            emit("TimestampConverter$Key", config, {"keySchema": schema, "key": None})
        with_default = struct(("f", "INT64"), default={"struct": {"f": {"i64": "5"}}})
        emit("TimestampConverter$Value", config, {"valueSchema": with_default, "value": {"struct": {"f": {"i64": "9"}}}})
        for value in (None, {"s": "x"}, entries(f={"i64": "5"}, b=None), entries(b={"i8": 1}, c=None), entries(f=None),
                      entries(f={"i32": 1}), entries(f={"s": "nope"}), entries(f={"date": "5"})):
            emit("TimestampConverter$Value", config, {"value": value})
        for value in (None, {"i32": 5}, {"s": "2023-01-01"}, {"list": []}, entries(a=None)):
            emit("TimestampConverter$Value", {**config, "field": ""}, {"value": value})
            emit("TimestampConverter$Value", {"target.type": kind}, {"value": value})
        emit("TimestampConverter$Value", config, {"valueSchema": "STRING", "value": {"s": "x"}})
        emit("TimestampConverter$Value", {**config, "field": ""}, {"valueSchema": "INT32", "value": {"i32": 5}})
        emit("TimestampConverter$Value", {**config, "field": ""}, {"valueSchema": {"type": "INT32", "name": "n"}, "value": {"i32": 5}})
        emit("TimestampConverter$Value", {**config, "field": ""}, {"valueSchema": optional("STRING"), "value": None})
    for config in ({}, {"target.type": "date"}, {"target.type": "string"}, {"target.type": "string", "format": " "},
                   {"target.type": "string", "format": "yyyy b"}, {"target.type": "unix", "format": "'x"},
                   {"target.type": "unix", "format": "XXXX"}, {"target.type": "unix", "unix.precision": "days"}):
        emit("TimestampConverter$Value", config, {"value": {"i64": "0"}})
    texts = [("yyyy-MM-dd", ["2023-01-31", "2023-13-45", "2023-1-2", " 2023- 1- 2", "23-01-01", "-5-01-01", "2023/01/01", "2023-01-01rest", "",
                             "2023-02-29", "1582-10-10", "0000-01-01", "99999-01-01"]),
             ("yyyyMMdd", ["20230131", "2023013", "202301311", "1"]), ("yy-M-d", ["23-1-2", "99-1-2", "2023-1-2", "46-12-31", "3-1-1", "00-1-1"]),
             ("yyMMdd", ["230131"]), ("d MMM yyyy", ["1 Jan 2023", "1 january 2023", "1 JANU 2023", "1 Foo 2023", "31 Sep 2023"]),
             ("EEE, d MMM yyyy HH:mm:ss z", ["Tue, 14 Nov 2023 22:13:20 UTC", "Tue, 14 Nov 2023 22:13:20 GMT", "Mon, 14 Nov 2023 22:13:20 PST",
                                             "Tue, 14 Nov 2023 22:13:20 GMT+01:00", "Tue, 14 Nov 2023 22:13:20 +0100",
                                             "Tuesday, 14 November 2023 22:13:20 EST", "Tue, 14 Nov 2023 22:13:20 GMT+1"]),
             ("yyyy-MM-dd'T'HH:mm:ssXXX", ["2023-01-01T00:00:00Z", "2023-01-01T00:00:00+01:00", "2023-01-01T00:00:00-0100"]),
             ("yyyy-MM-dd'T'HH:mm:ssX", ["2023-01-01T00:00:00Z", "2023-01-01T00:00:00+01", "2023-01-01T00:00:00+01:30"]),
             ("yyyy-MM-dd'T'HH:mm:ssXX", ["2023-01-01T00:00:00+0130", "2023-01-01T00:00:00z"]),
             ("yyyy-MM-dd HH:mm:ss.SSS", ["2023-01-01 24:60:60.1", "2023-01-01 1:2:3.1234567", "2023-01-01 01:02:03"]),
             ("yyyy-MM-dd HH:mm:ss Z", ["2023-01-01 00:00:00 -0830", "2023-01-01 00:00:00 UTC", "2023-01-01 00:00:00 +2500"]),
             ("h:mm a", ["12:30 AM", "12:30 PM", "1:00 pm", "13:00 AM", "1:00 x"]), ("K:mm a", ["0:30 PM", "11:00 AM"]),
             ("k", ["24", "1", "25"]), ("H a", ["5 PM"]), ("a", ["PM"]), ("D yyyy", ["60 2024", "366 2023"]),
             ("G yyyy", ["BC 0001", "AD 2023", "bc 5"]), ("HHmmssSSS", ["221320123", "22132012"]), ("SSS", ["99999999999", "-5"]),
             ("'at' yyyy", ["at 2023", "2023"]), ("yyyy.MM", ["2023.5", "2023x5"]), ("MMM", ["May", "Sept", "sep"])]
    for pattern, inputs in texts:
        for text in inputs:
            emit("TimestampConverter$Value", {"target.type": "unix", "format": pattern}, {"value": {"s": text}})


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def name(self):
        return self.random.choice(["a", "b", "c", "id", "name", "ts", "amount", "x1", "größe", "key_with_a_longer_name"])

    # Numbers that every JVM prints with the same digits as floats; before JDK 19 some had one digit more.
    def scalar(self):
        r = self.random
        kind = r.choice(list(PRIMITIVES))
        value = {"i8": r.randint(-128, 127), "i16": r.randint(-32768, 32767), "i32": r.randint(-8_000_000, 8_000_000),
                 "i64": str(r.randint(-9_000_000, 9_000_000)), "f32": r.choice(["0.5", "-1.25", "100.0", "65536.5"]),
                 "f64": r.choice(["0.5", "-1.25", "100.0", "1.0E10", "-3.75E-5"]), "bool": r.random() < 0.5,
                 "s": r.choice(["", "1", "true", "text", "-200", "2.5", "ü"]), "bytes": r.choice(["", "00ff", "cafe"])}[kind]
        return kind, {kind: value}

    def map(self, depth):
        pairs = {}
        for _ in range(self.random.randint(0, 18 if depth == 0 else 4)):
            name = self.name() + self.random.choice(["", "", str(self.random.randint(0, 99))])
            roll = self.random.random()
            if roll < 0.15:
                pairs[name] = None
            elif roll < 0.3 and depth < 2:
                pairs[name] = self.map(depth + 1)
            else:
                pairs[name] = self.scalar()[1]
        return entries(**pairs)

    def schema_and_value(self, depth):
        names = []
        for _ in range(self.random.randint(1, 6)):
            name = self.name()
            if name not in names:
                names.append(name)
        fields, values = [], {}
        for name in names:
            if depth < 2 and self.random.random() < 0.2:
                schema, value = self.schema_and_value(depth + 1)
                kind = None
            else:
                kind, value = self.scalar()
                schema = {"type": PRIMITIVES[kind]}
            if self.random.random() < 0.4:
                schema["optional"] = True
            if kind and self.random.random() < 0.3:
                # The default is another value of the same type.
                other = self.scalar()
                while other[0] != kind:
                    other = self.scalar()
                schema["default"] = other[1]
            fields.append((name, schema))
            if not ((schema.get("optional") or "default" in schema) and self.random.random() < 0.4):
                values[name] = value
        attributes = {}
        if self.random.random() < 0.3:
            attributes = {"name": "rec", "version": self.random.randint(1, 9), "parameters": {"k": "v"}}
        return struct(*fields, **attributes), {"struct": values}

    def config(self, name):
        r = self.random
        some = lambda: ",".join(dict.fromkeys(self.name() for _ in range(r.randint(1, 3))))
        types = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"]
        config = {
            "Cast": lambda: {"spec": ",".join(f"{field}:{r.choice(types)}" for field in some().split(","))},
            "ExtractField": lambda: {"field": ".".join(self.name() for _ in range(r.randint(1, 2))), "field.syntax.version": r.choice(["V1", "V2"])},
            "Flatten": lambda: {"delimiter": r.choice([".", "_", "::"])},
            "HeaderFrom": lambda: (lambda f: {"fields": f, "headers": f, "operation": r.choice(["move", "copy"])})(some()),
            "HoistField": lambda: {"field": self.name()},
            "InsertField": lambda: {"topic.field": self.name(), "static.field": self.name() + r.choice("!?"), "static.value": "v"},
            "MaskField": lambda: {"fields": some(), **({"replacement": "12"} if r.random() < 0.4 else {})},
            "ReplaceField": lambda: {"exclude": some(), "renames": f"{self.name()}:{self.name()}"} if r.random() < 0.5 else {"include": some(), "renames": f"{self.name()}:new"},
            "SetSchemaMetadata": lambda: {"schema.name": "other", "schema.version": str(r.randint(1, 9))},
            "TimestampConverter": lambda: {"field": self.name(), "target.type": r.choice(["unix", "Date", "Timestamp"]), "format": "yyyy"},
            "ValueToKey": lambda: {"fields": some()},
        }[name]()
        if name not in ("Flatten", "HoistField") and r.random() < 0.3:
            config[RND] = "false"
        return config


def random_cases(seed):
    print(f"seed {seed}", file=sys.stderr)
    for index in range(800):
        maker = Maker(seed * 1_000_003 + index)
        name = maker.random.choice(SIDED + ["ValueToKey"])
        config = maker.config(name)
        side = "" if name == "ValueToKey" else "$" + maker.random.choice(["Key", "Value"])
        part = "key" if side == "$Key" else "value"
        record = {"topic": "t", "offset": index, "seed": seed * 1_000_003 + index}
        if maker.random.random() < 0.5:
            record[part] = maker.map(0)
        else:
            record[part + "Schema"], record[part] = maker.schema_and_value(0)
        emit(name + side, config, record)


if __name__ == "__main__":
    if sys.argv[1] == "random":
        random_cases(int(sys.argv[2]) if len(sys.argv) > 2 else 20261121)
    else:
        {"settings": settings, "chosen": chosen, "times": times}[sys.argv[1]]()
