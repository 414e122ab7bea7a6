#!/usr/bin/env python3
"""Judges gate/otlp by the official protobuf classes: make_cases.py PROBE [SEED]

Realistic requests: our counts equal theirs, `validate` accepts them, and the parts of `split`,
parsed by their classes and merged, hold the same items with the same resource, scope and metric,
unknown fields included.

Hostile requests (unknown fields on every level, fragments, discarded oneof members, reversed order,
padded lengths, groups, flipped bytes): whatever their classes accept we must accept, with the same
count. Broken ones (truncations, bad lengths, depth) both must refuse.
"""

import random
import struct
import subprocess
import sys

try:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )
    from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import (
        ExportProfilesServiceRequest,
    )
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
except ImportError as e:
    print('skipped: the official classes are not installed:', e)
    sys.exit(77)

TRACES, METRICS, LOGS, PROFILES = range(4)
COUNT, VALIDATE, SPLIT, FEED = range(4)
CLASSES = {
    TRACES: ExportTraceServiceRequest,
    METRICS: ExportMetricsServiceRequest,
    LOGS: ExportLogsServiceRequest,
    PROFILES: ExportProfilesServiceRequest,
}
GROUPS = {
    TRACES: ('resource_spans', 'scope_spans', 'spans'),
    METRICS: ('resource_metrics', 'scope_metrics', 'metrics'),
    LOGS: ('resource_logs', 'scope_logs', 'log_records'),
    PROFILES: ('resource_profiles', 'scope_profiles', 'profiles'),
}
FORMER_LIBRARIES = 1000
DATA = ('gauge', 'sum', 'histogram', 'exponential_histogram', 'summary')

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
rng = random.Random(seed)
failures = []
asked = 0


class Probe:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, n):
        data = self.process.stdout.read(n)
        assert len(data) == n, 'the probe ended early'
        return data

    def number(self, size):
        return int.from_bytes(self.read(size), 'little')

    def ask(self, signal, operation, body, items_max=0, cut=0):
        """The result, or (None, errc, offset, reason)."""
        global asked
        asked += 1
        self.process.stdin.write(
            struct.pack('<BBQQI', signal, operation, items_max, cut, len(body)) + body
        )
        self.process.stdin.flush()
        if self.number(1) == 0:
            return (None, self.number(1), self.number(8), self.read(self.number(4)).decode())
        if operation == VALIDATE:
            return (self.number(8), self.number(8), self.number(8))
        if operation == SPLIT:
            return [self.read(self.number(4)) for _ in range(self.number(4))]
        return self.number(8)


probe = Probe(sys.argv[1])


def expect(condition, what, body):
    if condition or len(failures) > 20:
        return
    failures.append(what)
    print(f'FAILED: {what}\n  {len(body)} bytes: {body[:200].hex()}', file=sys.stderr)


# ---- realistic requests, written with the official classes ----


def text(longest=40):
    kind = rng.random()
    n = rng.randrange(longest)
    if kind < 0.1:
        return ''.join(chr(rng.choice((0x41, 0xE9, 0x20AC, 0x1F600))) for _ in range(n))
    return ''.join(rng.choice('abcdefghij./-_0123') for _ in range(n * (60 if kind > 0.97 else 1)))


def fill_value(v, depth=0):
    kind = rng.randrange(8 if depth < 3 else 5)
    if kind <= 1:
        v.string_value = text()
    elif kind == 2:
        v.int_value = rng.choice((0, -1, 1 << 40, -(1 << 63), rng.randrange(300)))
    elif kind == 3:
        v.double_value = rng.random()
    elif kind == 4:
        v.bytes_value = rng.randbytes(rng.randrange(30))
    elif kind == 5:
        v.bool_value = True
    elif kind == 6:
        v.array_value.SetInParent()
        for _ in range(rng.randrange(4)):
            fill_value(v.array_value.values.add(), depth + 1)
    else:
        v.kvlist_value.SetInParent()
        for _ in range(rng.randrange(4)):
            fill_attribute(v.kvlist_value.values.add(), depth + 1)


def fill_attribute(a, depth=0):
    a.key = text(20)
    if rng.random() < 0.95:
        fill_value(a.value, depth)


def fill_attributes(field, most=6):
    for _ in range(rng.randrange(most + 1)):
        fill_attribute(field.add())


def fill_span(s):
    s.trace_id = rng.randbytes(16)
    s.span_id = rng.randbytes(8)
    s.parent_span_id = rng.choice((b'', rng.randbytes(8)))
    s.trace_state = rng.choice(('', 'ot=th:8;rv:0123'))
    s.name = text()
    s.kind = rng.randrange(6)
    s.start_time_unix_nano = rng.getrandbits(60)
    s.end_time_unix_nano = rng.getrandbits(60)
    s.flags = rng.getrandbits(10)
    fill_attributes(s.attributes)
    for _ in range(rng.randrange(3)):
        e = s.events.add(time_unix_nano=rng.getrandbits(60), name=text())
        fill_attributes(e.attributes, 3)
    for _ in range(rng.randrange(2)):
        link = s.links.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8))
        fill_attributes(link.attributes, 2)
    if rng.random() < 0.5:
        s.status.code = rng.randrange(3)
        s.status.message = text()


def fill_log(r):
    r.time_unix_nano = rng.getrandbits(60)
    r.observed_time_unix_nano = rng.getrandbits(60)
    r.severity_number = rng.randrange(25)
    r.severity_text = rng.choice(('INFO', '', 'ERROR'))
    if rng.random() < 0.9:
        fill_value(r.body)
    fill_attributes(r.attributes)
    r.trace_id = rng.choice((b'', rng.randbytes(16)))
    r.span_id = rng.choice((b'', rng.randbytes(8)))
    r.event_name = rng.choice(('', 'click'))


def fill_exemplars(field):
    for _ in range(rng.randrange(3)):
        e = field.add(
            time_unix_nano=rng.getrandbits(60), span_id=rng.randbytes(8), trace_id=rng.randbytes(16)
        )
        e.as_int = rng.getrandbits(40)
        fill_attributes(e.filtered_attributes, 2)


def fill_metric(m):
    m.name, m.description, m.unit = text(), text(), rng.choice(('', 'ms', '1'))
    fill_attributes(m.metadata, 2)
    which = rng.choice(DATA + (None,)) if rng.random() < 0.1 else rng.choice(DATA)
    if which is None:
        return
    data = getattr(m, which)
    data.SetInParent()
    if hasattr(data, 'aggregation_temporality'):
        data.aggregation_temporality = rng.randrange(3)
    if hasattr(data, 'is_monotonic'):
        data.is_monotonic = rng.random() < 0.5
    for _ in range(rng.choice((0, 1, 1, 2, 5, 30))):
        p = data.data_points.add(
            start_time_unix_nano=rng.getrandbits(60), time_unix_nano=rng.getrandbits(60)
        )
        fill_attributes(p.attributes, 3)
        p.flags = rng.randrange(2)
        if which in ('gauge', 'sum'):
            p.as_int = -rng.getrandbits(40)
            fill_exemplars(p.exemplars)
        elif which == 'histogram':
            p.count, p.sum, p.min = rng.getrandbits(40), rng.random(), 0
            p.bucket_counts.extend(rng.getrandbits(60) for _ in range(rng.randrange(12)))
            p.explicit_bounds.extend(rng.random() for _ in range(rng.randrange(12)))
            fill_exemplars(p.exemplars)
        elif which == 'exponential_histogram':
            p.scale, p.zero_count = rng.randrange(-10, 20), rng.getrandbits(20)
            p.positive.offset = -rng.randrange(5)
            p.positive.bucket_counts.extend(
                rng.getrandbits(rng.randrange(1, 64)) for _ in range(rng.randrange(20))
            )
            p.negative.SetInParent()
            fill_exemplars(p.exemplars)
        else:
            for _ in range(rng.randrange(4)):
                p.quantile_values.add(quantile=rng.random(), value=rng.random())


def fill_profile(p):
    p.profile_id = rng.randbytes(16)
    p.time_unix_nano = rng.getrandbits(60)
    p.duration_nano = rng.getrandbits(30)
    p.sample_type.type_strindex = 1
    p.attribute_indices.extend(range(rng.randrange(5)))
    p.original_payload_format, p.original_payload = 'pprof', rng.randbytes(20)
    for _ in range(rng.randrange(5)):
        p.samples.add(
            stack_index=rng.randrange(300),
            values=[-1, 5, 1 << 50],
            timestamps_unix_nano=[1, 2],
            attribute_indices=[0, 300],
        )


def fill_dictionary(d):
    d.string_table.extend(['', 'main', text()])
    d.mapping_table.add(memory_start=1, attribute_indices=[1, 2])
    location = d.location_table.add(address=rng.getrandbits(60), attribute_indices=[0])
    location.lines.add(function_index=1, line=300, column=-1)
    d.function_table.add(name_strindex=1, start_line=5)
    d.link_table.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8))
    fill_value(d.attribute_table.add(key_strindex=1).value)
    d.stack_table.add(location_indices=[0, 1, 300])


FILL = {TRACES: fill_span, METRICS: fill_metric, LOGS: fill_log, PROFILES: fill_profile}


def realistic(signal, resources, scopes, items):
    request = CLASSES[signal]()
    outer, middle, inner = GROUPS[signal]
    for _ in range(rng.randint(1, resources)):
        r = getattr(request, outer).add()
        if rng.random() < 0.9:
            fill_attributes(r.resource.attributes)
            if rng.random() < 0.2:
                r.resource.entity_refs.add(
                    type='host', id_keys=['host.id'], description_keys=['host.name']
                )
        r.schema_url = rng.choice(('', 'https://opentelemetry.io/schemas/1.30.0'))
        for _ in range(rng.randint(0, scopes)):
            s = getattr(r, middle).add()
            if rng.random() < 0.9:
                s.scope.name, s.scope.version = text(), '1.0'
                fill_attributes(s.scope.attributes, 2)
            s.schema_url = rng.choice(('', 'https://opentelemetry.io/schemas/1.31.0'))
            for _ in range(rng.choice((0, 1, items, rng.randint(1, items)))):
                FILL[signal](getattr(s, inner).add())
    if signal == PROFILES:
        fill_dictionary(request.dictionary)
    return request.SerializeToString()


# ---- what the official classes say ----


def parsed(signal, body):
    request = CLASSES[signal]()
    try:
        request.ParseFromString(body)
    except DecodeError:
        return None
    return request


def pruned(message, field):
    """The message without one field, unknown fields included, as bytes that compare."""
    rest = type(message)()
    rest.CopyFrom(message)
    rest.ClearField(field)
    return rest.SerializeToString(deterministic=True)


def items_of(signal, request):
    """Every item with its resource, scope and metric identity, in order."""
    outer, middle, inner = GROUPS[signal]
    out = []
    for r in getattr(request, outer):
        resource = [f for f in fields_of(pruned(r, middle)) if f[0] != FORMER_LIBRARIES]
        for s in getattr(r, middle):
            scope = pruned(s, inner)
            for item in getattr(s, inner):
                if signal != METRICS:
                    out.append((resource, scope, item.SerializeToString(deterministic=True)))
                    continue
                which = item.WhichOneof('data')
                if which is None:
                    continue
                data = getattr(item, which)
                metric = (pruned(item, which), which, pruned(data, 'data_points'))
                out.extend(
                    (resource, scope, metric, p.SerializeToString(deterministic=True))
                    for p in data.data_points
                )
    return out


def former_of(signal, request):
    """Field 1000 of the resources: not repeated with the parts, or its items would come twice."""
    return [
        f
        for r in getattr(request, GROUPS[signal][0])
        for f in fields_of(r.SerializeToString())
        if f[0] == FORMER_LIBRARIES
    ]


def empties_of(signal, request):
    """Envelopes (and metrics) without items, by content: split keeps them, once."""
    outer, middle, inner = GROUPS[signal]
    out = []
    for r in getattr(request, outer):
        if not getattr(r, middle):
            out.append(r.SerializeToString(deterministic=True))
        for s in getattr(r, middle):
            if not getattr(s, inner):
                out.append(s.SerializeToString(deterministic=True))
            if signal == METRICS:
                out.extend(
                    m.SerializeToString(deterministic=True)
                    for m in s.metrics
                    if m.WhichOneof('data') is None
                    or not getattr(m, m.WhichOneof('data')).data_points
                )
    return sorted(out)


def top_level_rest(signal, request):
    return pruned(request, GROUPS[signal][0])


# ---- checks ----


def check(signal, body, what, exact_bytes=True):
    """`body` is accepted by the official classes; everything we say of it must agree with them."""
    request = parsed(signal, body)
    items = items_of(signal, request)
    for cut in (0, rng.getrandbits(32) | 1, rng.getrandbits(32) & ~1 | 2):
        for operation in (COUNT, FEED):
            n = probe.ask(signal, operation, body, cut=cut)
            expect(n == len(items), f'{what}: count {n}, want {len(items)}', body)
        report = probe.ask(signal, VALIDATE, body, cut=cut)
        expect(report[0] == len(items), f'{what}: validate {report}, want {len(items)} items', body)
        if exact_bytes:
            expect(report[1:] == (0, 0), f'{what}: bad strings or ids reported: {report}', body)
    if signal == PROFILES:
        return
    for items_max in {1, rng.randint(1, len(items) + 1), max(1, len(items) // 2), len(items) + 1}:
        if len(items) > 500 and items_max < 10:
            continue
        parts = probe.ask(
            signal, SPLIT, body, items_max=items_max, cut=rng.choice((0, rng.getrandbits(32) + 1))
        )
        if isinstance(parts, tuple):
            expect(False, f'{what}: split refused {parts}', body)
            continue
        check_parts(signal, body, request, items, items_max, parts, what)


def check_parts(signal, body, request, items, items_max, parts, what):
    what = f'{what}: split by {items_max}'
    expect(len(parts) == max(1, -(-len(items) // items_max)), f'{what}: {len(parts)} parts', body)
    requests = [parsed(signal, p) for p in parts]
    expect(None not in requests, f'{what}: a part does not parse', body)
    if None in requests:
        return
    held = [items_of(signal, r) for r in requests]
    expect(all(len(h) <= items_max for h in held), f'{what}: a part is too large', body)
    expect(all(len(h) > 0 for h in held) or not items, f'{what}: a part is empty', body)
    expect([i for h in held for i in h] == items, f'{what}: items or their identity changed', body)
    former = [f for r in requests for f in former_of(signal, r)]
    expect(
        former == former_of(signal, request), f'{what}: former library lists lost or doubled', body
    )
    before = empties_of(signal, request)
    after = sorted(e for r in requests for e in empties_of(signal, r))
    expect(before == after, f'{what}: empty envelopes changed: {len(before)} to {len(after)}', body)
    expect(
        top_level_rest(signal, requests[0]) == top_level_rest(signal, request),
        f'{what}: top-level fields missing from the first part',
        body,
    )
    expect(
        all(not top_level_rest(signal, r) for r in requests[1:]),
        f'{what}: top-level fields in later parts',
        body,
    )


# ---- hostile variations, on the wire ----


def varint(n, pad=0):
    out = bytearray()
    while n >= 0x80 or len(out) + 1 < pad:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def fields_of(message):
    """[(number, wire type, value bytes)] of a message; a group's value holds its end tag."""
    out, i = [], 0

    def number():
        nonlocal i
        n = shift = 0
        while True:
            b = message[i]
            i += 1
            n |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                return n

    while i < len(message):
        tag = first = number()
        start = i
        open_groups = 0
        while True:
            kind = tag & 7
            if kind == 0:
                number()
            elif kind == 1:
                i += 8
            elif kind == 5:
                i += 4
            elif kind == 2:
                n = number()
                start = start if open_groups else i
                i += n
            else:
                open_groups += 1 if kind == 3 else -1
            if not open_groups:
                break
            tag = number()
        out.append((first >> 3, first & 7, message[start:i]))
    return out


UNKNOWN = [
    varint(777 << 3) + varint(1 << 63),
    varint(500 << 3 | 1) + b'12345678',
    varint(500 << 3 | 5) + b'1234',
    varint(900 << 3 | 2) + b'\x04\x12\x00\x0a\xff',
    varint(40 << 3 | 3)
    + b'\x08\x01\x12\x02hi'
    + varint(41 << 3 | 3)
    + varint(41 << 3 | 4)
    + varint(40 << 3 | 4),
]
NESTED = {  # field numbers that hold messages, by how deep they lie; enough to reach the items
    TRACES: ({1}, {1, 2}, {1, 2}, {9, 11, 13, 15}),
    LOGS: ({1}, {1, 2}, {1, 2}, {5, 6}),
    METRICS: ({1}, {1, 2}, {1, 2}, {5, 7, 9, 10, 11}, {1}),
    PROFILES: ({1, 2}, {1, 2}, {1, 2}),
}


def reencoded(signal, message, tricks, level=0):
    fields = fields_of(message)
    if 'reverse' in tricks and level < 3:
        groups = {}
        for f in fields:
            groups.setdefault(f[0], []).append(f)
        fields = [f for n in reversed(list(groups)) for f in groups[n]]
    out = b''
    for number, kind, value in fields:
        if kind == 2 and level < len(NESTED[signal]) and number in NESTED[signal][level]:
            value = reencoded(signal, value, tricks, level + 1)
        if 'unknown' in tricks and rng.random() < 0.3:
            out += rng.choice(UNKNOWN)
        pad = 5 if 'pad' in tricks and rng.random() < 0.5 else 0
        out += varint(number << 3 | kind, pad if number < 1 << 28 else 0)
        out += (varint(len(value), pad) if kind == 2 else b'') + value
    if 'unknown' in tricks and rng.random() < 0.5:
        out += rng.choice(UNKNOWN)
    return out


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def in_scope(payload, number=2):
    return field(1, field(2, field(number, payload)))


def crafted():
    """(signal, what, body): shapes that no encoder makes."""
    points = [field(1, b'\x19' + bytes([n]) * 8) for n in range(6)]
    temporality = b'\x10\x02'
    metric = lambda *parts: in_scope(b''.join(parts))
    yield METRICS, 'fragments of one member', metric(
        field(7, points[0] + points[1]),
        field(1, b'n'),
        field(7, points[2] + temporality),
        field(7, b'\x18\x01'),
    )
    yield METRICS, 'replaced member', metric(
        field(5, points[0] + points[1]), field(7, points[2] + temporality)
    )
    yield METRICS, 'replaced and back', metric(
        field(7, points[0]), field(5, points[1]), field(7, points[2] + points[3] + temporality)
    )
    yield METRICS, 'replaced by nothing', metric(field(5, points[0]), field(9, b''))
    yield METRICS, 'wrong wire type of a member', metric(field(5, points[0]), b'\x38\x01')
    yield METRICS, 'metric without data', metric(field(1, b'n'))
    yield METRICS, 'unknown member of the oneof', metric(field(1, b'n'), field(13, points[0]))
    yield METRICS, 'unpacked buckets', metric(
        field(9, field(1, (b'\x31' + bytes(8)) * 3 + (b'\x39' + bytes(8)) * 2))
    )
    yield METRICS, 'mixed packing', metric(
        field(10, field(1, field(8, b'\x10\x05' + field(2, b'\x01\x80\x01'))))
    )
    for signal in (TRACES, LOGS, METRICS):
        item = metric(field(5, points[0] + points[1]))[6:] if signal == METRICS else b''
        yield signal, 'empty request', b''
        yield signal, 'empty resource', field(1, b'')
        yield signal, 'empty scope', field(1, field(2, b''))
        yield signal, 'resource twice', field(
            1, field(1, b'\x10\x01') + field(2, field(2, item) * 3) + field(1, b'\x10\x02')
        )
        yield signal, 'scope last', field(
            1, field(2, field(2, item) * 3 + field(1, field(1, b'scope')))
        )
        yield signal, 'former libraries', field(
            1, field(1000, field(2, item) * 2) + field(2, field(2, item) * 3)
        )
        yield signal, 'only former libraries', field(1, field(1000, field(2, item) * 2))
        yield signal, 'items with the wrong wire type', field(
            1, field(2, b'\x10\x01' + field(2, item))
        )
        yield signal, 'empties among items', (
            field(1, field(1, b'\x10\x01'))
            + field(1, field(2, b'') + field(2, field(2, item) * 2) + field(2, b''))
            + field(1, field(2, field(1, field(1, b's'))))
        )
    for depth in (5, 20, 45):
        value = field(1, b'x')
        for _ in range(depth):
            value = field(5, field(1, value))
        yield LOGS, f'body nested {depth} deep', in_scope(field(5, value))


def broken():
    """(signal, what, body, counted): the official classes refuse these, and so must we.
    counted: count already does."""
    record = field(5, field(1, b'hello')) + field(6, field(1, b'k') + field(2, field(1, b'v')))
    body = in_scope(record)
    for cut in range(1, len(body)):
        yield LOGS, f'truncated at {cut}', body[:cut], True
    yield LOGS, 'field 0', b'\x02\x00', True
    yield LOGS, 'wire type 6', b'\x0e\x00', True
    yield LOGS, 'wire type 7', field(1, b'\x0f\x00'), True
    yield LOGS, 'eleven-byte varint', b'\x10' + b'\x80' * 10 + b'\x01', True
    yield LOGS, 'group without end', b'\x13\x08\x01', True
    yield LOGS, 'wrong group end', b'\x13\x1c', True
    yield LOGS, 'stray group end', b'\x14', True
    yield LOGS, 'group ends outside', field(1, b'\x2b') + b'\x2c', True
    yield LOGS, 'groups 10000 deep', b'\x13' * 10000 + b'\x14' * 10000, True
    yield LOGS, 'length beyond the scope', field(1, field(2, b'\x12\x05')), True
    yield LOGS, 'broken record', in_scope(b'\x2a\x05'), False
    yield LOGS, 'broken attribute', in_scope(field(6, b'\x0a\x09k')), False
    yield METRICS, 'odd packed fixed64', in_scope(field(9, field(1, field(6, b'1234567')))), False
    yield METRICS, 'open packed varint', in_scope(
        field(10, field(1, field(8, field(2, b'\x80'))))
    ), False
    value = field(1, b'x')
    for _ in range(1000):
        value = field(5, field(1, value))
    yield LOGS, 'body nested 1000 deep', in_scope(field(5, value)), False


def check_broken():
    for signal, what, body, counted in broken():
        if parsed(signal, body) is not None:
            expect(False, f'{what}: the official classes accept it', body)
        for cut in (0, 2, 3):
            answers = [probe.ask(signal, VALIDATE, body, cut=cut)]
            if counted:
                answers += [
                    probe.ask(signal, o, body, items_max=1, cut=cut) for o in (COUNT, FEED, SPLIT)
                ]
            for a in answers:
                expect(isinstance(a, tuple) and a[0] is None, f'{what}: accepted as {a}', body)


def check_strings_and_ids():
    for bad in (b'\xff', b'\xc0\x80', b'\xed\xa0\x80', b'\xe2\x82', b'\xf4\x90\x80\x80'):
        for payload in (
            field(3, bad),
            field(5, field(1, bad)),
            field(6, field(1, bad)),
            field(6, field(1, b'k') + field(2, field(1, b'ok' * 9 + bad))),
        ):
            body = in_scope(payload)
            expect(parsed(LOGS, body) is None, 'the official classes accept bad UTF-8', body)
            expect(probe.ask(LOGS, VALIDATE, body)[:2] == (1, 1), 'bad UTF-8 not reported', body)
    for size in (0, 1, 7, 8, 9, 15, 16, 17, 32):
        ids = b'i' * size
        want = (size not in (0, 16)) + (size not in (0, 8))
        body = in_scope(field(9, ids) + field(10, ids))
        expect(probe.ask(LOGS, VALIDATE, body) == (1, 0, want), f'ids of {size} bytes', body)


def check_mutations(rounds):
    """Flipped bytes. What the official classes accept, we accept with their count. The converse is
    not asked: they also refuse bad UTF-8 (we report it) and lengths padded beyond five bytes.
    """
    accepted = 0
    for i in range(rounds):
        signal = rng.randrange(4)
        body = bytearray(realistic(signal, 2, 2, 3))
        for _ in range(rng.randint(1, 4)):
            body[rng.randrange(len(body))] = rng.choice(
                (rng.randrange(256), 0x12, 0x0A, 0x00, 0x80)
            )
        body = bytes(body)
        request = parsed(signal, body)
        if request is None:
            continue
        accepted += 1
        check(signal, body, f'mutation {i}', exact_bytes=False)
    expect(accepted > rounds // 50, f'only {accepted} mutations parsed: this proves nothing', b'')
    return accepted


def main():
    for signal in CLASSES:
        for i in range(25):
            body = realistic(
                signal, rng.choice((1, 2, 6)), rng.choice((1, 3)), rng.choice((1, 4, 20))
            )
            if body:
                check(signal, body, f'realistic {signal}/{i}')
            small = realistic(signal, 2, 2, 3)
            for tricks in ({'unknown'}, {'reverse'}, {'pad'}, {'unknown', 'reverse', 'pad'}):
                check(
                    signal,
                    reencoded(signal, small, tricks),
                    f'{"+".join(sorted(tricks))} {signal}/{i}',
                )
        check(signal, realistic(signal, 3, 4, 400), f'large {signal}')
    for signal, what, body in crafted():
        check(signal, body, what)
    check_broken()
    check_strings_and_ids()
    accepted = check_mutations(600)
    if failures:
        print(f'{len(failures)} failures; seed {seed}', file=sys.stderr)
        return 1
    print(
        f'{asked} questions answered as the official classes would; {accepted} mutations among them'
    )
    return 0


sys.exit(main())
