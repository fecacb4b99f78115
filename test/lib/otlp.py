"""OTLP requests as protobuf bytes, by the field numbers of opentelemetry-proto; what the JavaScript SDK cannot make."""
import struct

from luma import pb_bytes, pb_int, varint

DELTA, CUMULATIVE = 1, 2


def fixed64(number, n):
    return varint(number << 3 | 1) + struct.pack('<Q', n & (1 << 64) - 1)


def fixed32(number, n):
    return varint(number << 3 | 5) + struct.pack('<I', n)


def double(number, x):
    return varint(number << 3 | 1) + struct.pack('<d', x)


def sint(number, n):
    return pb_int(number, n << 1 if n >= 0 else (-n << 1) - 1)


def packed(number, items, form):
    return pb_bytes(number, b''.join(struct.pack(form, x) for x in items))


def any_value(v):
    """None, str, bool, int, float, bytes, list or dict as an AnyValue."""
    if v is None:
        return b''
    if isinstance(v, str):
        return pb_bytes(1, v)
    if isinstance(v, bool):
        return pb_int(2, int(v))
    if isinstance(v, int):
        return pb_int(3, v)
    if isinstance(v, float):
        return double(4, v)
    if isinstance(v, bytes):
        return pb_bytes(7, v)
    if isinstance(v, dict):
        return pb_bytes(6, b''.join(pb_bytes(1, key_value(k, x)) for k, x in v.items()))
    return pb_bytes(5, b''.join(pb_bytes(1, any_value(x)) for x in v))


def key_value(key, v):
    return pb_bytes(1, key) + pb_bytes(2, any_value(v))


def attributes(number, pairs):
    """A dict, or pairs where keys repeat."""
    return b''.join(pb_bytes(number, key_value(k, v)) for k, v in (pairs.items() if isinstance(pairs, dict) else pairs))


def request(items, resource=None, scope=('', '', {})):
    """One resource, one scope; `items` are encoded log records, spans or metrics."""
    name, version, more = scope
    scope_bytes = pb_bytes(1, name) + pb_bytes(2, version) + attributes(3, more) if name or version or more else b''
    inner = pb_bytes(1, scope_bytes) + b''.join(pb_bytes(2, x) for x in items)
    return pb_bytes(1, pb_bytes(1, attributes(1, resource or {})) + pb_bytes(2, inner))


def log_record(time_ns=0, observed_ns=0, number=0, text='', body=None, attrs=None, dropped=0, flags=0, trace_id=b'',
               span_id=b'', event=''):
    return ((fixed64(1, time_ns) if time_ns else b'') + (pb_int(2, number) if number else b'') +
            (pb_bytes(3, text) if text else b'') + (pb_bytes(5, any_value(body)) if body is not None else b'') +
            attributes(6, attrs or {}) + (pb_int(7, dropped) if dropped else b'') +
            (fixed32(8, flags) if flags else b'') + (pb_bytes(9, trace_id) if trace_id else b'') +
            (pb_bytes(10, span_id) if span_id else b'') + (fixed64(11, observed_ns) if observed_ns else b'') +
            (pb_bytes(12, event) if event else b''))


def span(trace_id, span_id, start_ns, end_ns, name='span', parent=b'', kind=0, attrs=None, events=(), links=(),
         status=(0, ''), state='', dropped=(0, 0, 0)):
    out = pb_bytes(1, trace_id) + pb_bytes(2, span_id)
    out += (pb_bytes(3, state) if state else b'') + (pb_bytes(4, parent) if parent else b'') + pb_bytes(5, name)
    out += pb_int(6, kind) + fixed64(7, start_ns) + fixed64(8, end_ns) + attributes(9, attrs or {})
    for ns, event, more in events:
        out += pb_bytes(11, fixed64(1, ns) + pb_bytes(2, event) + attributes(3, more))
    for trace, other, more in links:
        out += pb_bytes(13, pb_bytes(1, trace) + pb_bytes(2, other) + attributes(4, more))
    for number, n in zip((10, 12, 14), dropped):
        out += pb_int(number, n) if n else b''
    return out + pb_bytes(15, pb_bytes(2, status[1]) + pb_int(3, status[0]))


def number_point(value, time_ns, attrs=None, start_ns=0, flags=0, exemplars=()):
    out = fixed64(2, start_ns) + fixed64(3, time_ns)
    if value is not None:
        out += fixed64(6, value) if isinstance(value, int) else double(4, value)
    return out + b''.join(pb_bytes(5, x) for x in exemplars) + attributes(7, attrs or {}) + (pb_int(8, flags) if flags else b'')


def exemplar(value, time_ns, trace_id=b'', span_id=b'', attrs=None):
    out = fixed64(2, time_ns) + (fixed64(6, value) if isinstance(value, int) else double(3, value))
    out += (pb_bytes(4, span_id) if span_id else b'') + (pb_bytes(5, trace_id) if trace_id else b'')
    return out + attributes(7, attrs or {})


def histogram_point(counts, bounds, time_ns, total=None, sum_=None, attrs=None, start_ns=0, flags=0, exemplars=()):
    out = fixed64(2, start_ns) + fixed64(3, time_ns) + fixed64(4, sum(counts) if total is None else total)
    out += (double(5, sum_) if sum_ is not None else b'') + packed(6, counts, '<Q') + packed(7, bounds, '<d')
    return out + b''.join(pb_bytes(8, x) for x in exemplars) + attributes(9, attrs or {}) + (pb_int(10, flags) if flags else b'')


def exponential_point(scale, positive, negative, zero, time_ns, sum_=0.0, attrs=None, start_ns=0, flags=0, threshold=None):
    """`positive`, `negative`: (offset, counts)"""
    out = attributes(1, attrs or {}) + fixed64(2, start_ns) + fixed64(3, time_ns)
    out += fixed64(4, sum(positive[1]) + sum(negative[1]) + zero) + double(5, sum_) + sint(6, scale) + fixed64(7, zero)
    for number, (offset, counts) in ((8, positive), (9, negative)):
        out += pb_bytes(number, sint(1, offset) + pb_bytes(2, b''.join(varint(n) for n in counts)))
    return out + (pb_int(10, flags) if flags else b'') + (double(14, threshold) if threshold is not None else b'')


def summary_point(count, sum_, quantiles, time_ns, attrs=None, start_ns=0):
    out = fixed64(2, start_ns) + fixed64(3, time_ns) + fixed64(4, count) + double(5, sum_)
    out += b''.join(pb_bytes(6, double(1, q) + double(2, v)) for q, v in quantiles)
    return out + attributes(7, attrs or {})


def metric(name, kind, points, unit='', description='', temporality=CUMULATIVE, monotonic=True):
    """`kind`: gauge, sum, histogram, exponential or summary."""
    number = {'gauge': 5, 'sum': 7, 'histogram': 9, 'exponential': 10, 'summary': 11}[kind]
    data = b''.join(pb_bytes(1, p) for p in points)
    if kind in ('sum', 'histogram', 'exponential'):
        data += pb_int(2, temporality)
    if kind == 'sum' and monotonic:
        data += pb_int(3, 1)
    return pb_bytes(1, name) + pb_bytes(2, description) + pb_bytes(3, unit) + pb_bytes(number, data)


# ---------------------------------------------------------------- sending, reading answers
def post(server, signal, body, listener='otlp.http', path=None, **headers):
    """-> (status, headers, bytes)"""
    return server.request('POST', path or '/v1/' + signal, body,
                          {'Content-Type': 'application/x-protobuf', **headers}, listener)


def fields(message):
    """-> [(number, value)] of a protobuf message; nested ones are bytes."""
    out, at = [], 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = message[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    while at < len(message):
        key = number()
        if key & 7 == 0:
            out.append((key >> 3, number()))
        elif key & 7 == 2:
            size = number()
            out.append((key >> 3, message[at:at + size]))
            at += size
        else:
            size = 8 if key & 7 == 1 else 4
            out.append((key >> 3, int.from_bytes(message[at:at + size], 'little')))
            at += size
    return out


def rejected(answer):
    """partial_success of an Export...ServiceResponse -> (rejected, message)"""
    partial = dict(fields(dict(fields(answer)).get(1, b'')))
    return partial.get(1, 0), partial.get(2, b'').decode()
