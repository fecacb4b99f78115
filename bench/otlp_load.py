"""Log records and spans as OTLP requests for the bench: made once, sent over a few connections."""
import concurrent.futures, http.client, os, random, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'lib'))
import otlp  # noqa: E402

RECORDS_PER_REQUEST = 1000
START_NS = 1_790_000_000_000_000_000
WORDS = ('connection request timeout accepted user order payment cache miss retry upstream shard replica index flush '
         'segment commit checkout inventory session token expired refused latency budget deadline queue worker').split()
ROUTES = ['/api/v1/orders', '/api/v1/carts', '/api/v1/users/{id}', '/healthz', '/api/v1/search', '/api/v1/pay']


def resource(n):
    service = f'service-{n % 20}'
    return {'service.name': service, 'service.namespace': 'shop', 'service.instance.id': f'{service}-{n % 3}',
            'host.name': f'node-{n % 10}', 'k8s.pod.name': f'{service}-7d9f8b6c5-{n % 3}', 'telemetry.sdk.language': 'go'}


def log_record(rng, at_ns):
    body = ' '.join(rng.choice(WORDS) for _ in range(9)) + f' id={rng.getrandbits(40):x} took {rng.randrange(5000)}ms'
    attrs = {'http.method': rng.choice(('GET', 'POST')), 'http.route': rng.choice(ROUTES),
             'http.status_code': rng.choice((200, 200, 200, 404, 500)), 'user.id': f'u{rng.randrange(100000)}',
             'thread': rng.randrange(64)}
    return otlp.log_record(at_ns, at_ns + 1000, rng.choice((9, 9, 9, 13, 17)), 'INFO', body, attrs, 0, 1,
                           rng.randbytes(16), rng.randbytes(8))


def span(rng, at_ns):
    attrs = {'http.request.method': rng.choice(('GET', 'POST')), 'http.route': rng.choice(ROUTES),
             'http.response.status_code': rng.choice((200, 200, 200, 404, 500)), 'server.address': 'shop.internal',
             'user.id': f'u{rng.randrange(100000)}'}
    return otlp.span(rng.randbytes(16), rng.randbytes(8), at_ns, at_ns + rng.randrange(10 ** 8),
                     rng.choice(ROUTES), rng.randbytes(8), rng.randrange(1, 4), attrs)


def requests(signal, count):
    """-> bodies of RECORDS_PER_REQUEST records each"""
    rng, make = random.Random(7), log_record if signal == 'logs' else span
    return [otlp.request([make(rng, START_NS + (n * RECORDS_PER_REQUEST + i) * 10_000) for i in range(RECORDS_PER_REQUEST)],
                         resource(n), ('shop/server', '1.4.0', {}))
            for n in range(count // RECORDS_PER_REQUEST)]


def send(port, signal, bodies, connections=4):
    """Each body once, the connections side by side; raises unless all are accepted."""
    def run(mine):
        c = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
        for body in mine:
            c.request('POST', '/v1/' + signal, body, {'Content-Type': 'application/x-protobuf'})
            r = c.getresponse()
            if r.status != 200 or r.read():
                raise RuntimeError(f'HTTP {r.status}')
        c.close()

    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        list(pool.map(run, [bodies[i::connections] for i in range(connections)]))
