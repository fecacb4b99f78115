#!/usr/bin/env python3
"""Scraping: text and OpenMetrics, relabelling, limits, staleness, the series about the scrape, a real exporter."""
import http.server, os, shutil, subprocess, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import Server, Skip, equal, eventually, free_port, run_suite


class Target:
    """An exporter whose text the test sets; records the requests' headers."""

    def __init__(self, text, content_type='text/plain; version=0.0.4'):
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                target.headers, target.path = dict(self.headers), self.path
                body = target.text.encode()
                self.send_response(target.status)
                self.send_header('Content-Type', target.content_type)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.text, self.content_type, self.status, self.headers, self.path = text, content_type, 200, {}, ''
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.address = '127.0.0.1:%d' % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def config(target, more='', job='job_name: t'):
    return f'''global: {{scrape_interval: 300ms, scrape_timeout: 300ms}}
scrape_configs:
- {job}
  static_configs: [{{targets: ["{target.address}"], labels: {{env: test}}}}]
{more}'''


def labels_of(answer):
    return [dict(k) for k in answer]


def test_samples_carry_the_targets_labels_and_reports():
    t = Target('# HELP a_total Things.\n# TYPE a_total counter\na_total{x="1",job="own"} 5\nplain 2.5\n')
    try:
        with Server(config=config(t)) as s:
            got = eventually(lambda: s.query('a_total'))
            equal(labels_of(got), [{'__name__': 'a_total', 'x': '1', 'job': 't', 'exported_job': 'own', 'env': 'test',
                                    'instance': t.address}])
            equal(list(s.query('up').values()), [1.0])
            equal(list(s.query('scrape_samples_scraped').values()), [2.0])
            equal(list(s.query('scrape_samples_post_metric_relabeling').values()), [2.0])
            assert s.query('scrape_duration_seconds') and s.query('scrape_series_added')
            equal(s.api('metadata')['a_total'][0]['help'], 'Things.')
            assert 'openmetrics' in t.headers['Accept'] and t.headers['X-Prometheus-Scrape-Timeout-Seconds']
    finally:
        t.close()


def test_a_series_that_vanishes_ends_at_once_and_a_dead_target_ends_all():
    t = Target('stays 1\nleaves 2\n')
    try:
        with Server(config=config(t)) as s:
            eventually(lambda: s.query('leaves'))
            t.text = 'stays 1\n'
            eventually(lambda: not s.query('leaves'), 10)
            assert s.query('stays')
            t.status = 500
            eventually(lambda: list(s.query('up').values()) == [0.0])
            equal(s.query('stays'), {})
            t.status = 200
            eventually(lambda: s.query('stays'))
    finally:
        t.close()


def test_openmetrics_with_timestamps_and_exemplars():
    now = time.time()
    t = Target(f'# TYPE a counter\n# HELP a Things.\na_total 5 {now:.3f} # {{trace_id="abc"}} 0.5 {now:.3f}\n# EOF\n',
               'application/openmetrics-text; version=1.0.0')
    try:
        with Server(config=config(t)) as s:
            eventually(lambda: s.query('a_total'))
            data = s.api('query', query='a_total[5m]')
            equal(data['result'][0]['values'], [[round(now, 3), '5']])
            got = s.api('query_exemplars', query='a_total', start=now - 10, end=now + 10)
            equal(got[0]['exemplars'][0]['labels'], {'trace_id': 'abc'})
    finally:
        t.close()


def test_relabelling_of_targets_and_samples():
    t = Target('keep_me{a="1"} 1\ndrop_me 2\nkeep_too{secret="x"} 3\n')
    more = '''  relabel_configs:
  - {source_labels: [__address__], regex: '(.*):.*', target_label: host}
  - {target_label: __param_q, replacement: 'a b'}
  metric_relabel_configs:
  - {source_labels: [__name__], regex: 'drop_.*', action: drop}
  - {regex: secret, action: labeldrop}
'''
    try:
        with Server(config=config(t, more)) as s:
            got = eventually(lambda: s.query('{__name__=~"keep.*"}'))
            equal(sorted(d['__name__'] for d in labels_of(got)), ['keep_me', 'keep_too'])
            assert all(d['host'] == '127.0.0.1' and 'secret' not in d for d in labels_of(got)), got
            equal(s.query('drop_me'), {})
            equal(list(s.query('scrape_samples_post_metric_relabeling').values()), [2.0])
            equal(t.path, '/metrics?q=a%20b')
    finally:
        t.close()


def test_limits_and_bad_bodies_fail_the_scrape_only():
    t = Target('a 1\nb 2\nc 3\n')
    try:
        with Server(config=config(t, '  sample_limit: 2\n')) as s:
            eventually(lambda: list(s.query('up').values()) == [0.0])
            equal(s.query('{__name__=~"a|b|c"}'), {})
            t.text = 'a 1\nb 2\n'
            eventually(lambda: s.query('a'))
            t.text = 'a 1\nb two\n'
            eventually(lambda: not s.query('a'))
            eventually(lambda: list(s.query('up').values()) == [0.0])
            targets = s.api('targets')['activeTargets']
            equal(len(targets), 1)
            equal(targets[0]['health'], 'down')
            assert 'line 2' in targets[0]['lastError'], targets
    finally:
        t.close()


def test_basic_auth_and_bearer_are_sent():
    import base64
    for more, want in (('  basic_auth: {username: u, password: p}\n', 'Basic ' + base64.b64encode(b'u:p').decode()),
                       ('  authorization: {credentials: tok}\n', 'Bearer tok')):
        t = Target('a 1\n')
        try:
            with Server(config=config(t, more)) as s:
                eventually(lambda: s.query('a'))
                equal(t.headers['Authorization'], want)
        finally:
            t.close()


def test_a_real_node_exporter():
    if not shutil.which('prometheus-node-exporter'):
        raise Skip('prometheus-node-exporter is not installed')
    port = free_port()
    p = subprocess.Popen(['prometheus-node-exporter', f'--web.listen-address=127.0.0.1:{port}'],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        text = f'''scrape_configs:
- job_name: node
  scrape_interval: 500ms
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
'''
        with Server(config=text) as s:
            eventually(lambda: s.query('up{job="node"} == 1'))
            eventually(lambda: s.query('node_memory_MemTotal_bytes'))
            scraped = list(s.query('scrape_samples_scraped{job="node"}').values())[0]
            assert scraped > 200, scraped
            stored = s.query('count({job="node", __name__!~"up|scrape_.*"})')
            assert abs(list(stored.values())[0] - scraped) < 50, (stored, scraped)
    finally:
        p.terminate()
        p.wait()


if __name__ == '__main__':
    run_suite(globals())
