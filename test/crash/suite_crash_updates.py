"""kill -9 under UPDATE, DELETE and transactions: every acknowledged change is there, none by half."""
import os, random, sys, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash import Postgres, Server, luma

CYCLES = int(os.environ.get('CRASH_UPDATE_CYCLES', '12'))
WRITERS, ACCOUNTS, QUEUE = 4, 40, 5


class Bank:
    """Each writer counts its own acknowledged steps; a step is one statement or one transaction."""

    def __init__(self, server):
        self.server = server
        self.acked = [0] * WRITERS
        self.conflicts = 0
        self.mistakes = []
        self.stopping = threading.Event()

    def connect(self):
        return Postgres(self.server.port('postgres'))

    def create(self):
        c = self.connect()
        c.query('CREATE TABLE account (id int PRIMARY KEY, amount int8 NOT NULL)')
        c.query('CREATE TABLE step (writer int PRIMARY KEY, n int NOT NULL)')
        c.query('CREATE TABLE queue (writer int, n int, PRIMARY KEY (writer, n))')
        c.query(f'INSERT INTO account SELECT g, 1000 FROM generate_series(1, {ACCOUNTS}) g')
        c.query(f'INSERT INTO step SELECT g, 0 FROM generate_series(0, {WRITERS - 1}) g')
        c.close()

    def transfer(self, c, writer, n, draw):
        """Moves an amount, counts the step, keeps the last QUEUE numbers in the queue: all or nothing."""
        a, b = draw.sample(range(1, ACCOUNTS + 1), 2)
        amount = draw.randint(1, 50)
        c.query('BEGIN')
        c.query(f'UPDATE account SET amount = amount - {amount} WHERE id = {a}')
        c.query(f'UPDATE account SET amount = amount + {amount} WHERE id = {b}')
        c.query(f'UPDATE step SET n = {n} WHERE writer = {writer}')
        c.query(f'INSERT INTO queue VALUES ({writer}, {n})')
        c.query(f'DELETE FROM queue WHERE writer = {writer} AND n <= {n - QUEUE}')
        c.query('COMMIT')

    def write(self, writer):
        draw, c = random.Random(os.urandom(8)), None
        while not self.stopping.is_set():
            try:
                c = c or self.connect()
                self.transfer(c, writer, self.acked[writer] + 1, draw)
                self.acked[writer] += 1
            except OSError:
                return
            except RuntimeError as e:
                if 'C40001' not in str(e):
                    if ' C57' not in str(e) and 'C57' not in str(e):
                        self.mistakes.append(str(e))
                    return
                self.conflicts += 1
                c.query('ROLLBACK')

    def cycle(self, seconds):
        self.stopping.clear()
        threads = [threading.Thread(target=self.write, args=(w,)) for w in range(WRITERS)]
        for t in threads:
            t.start()
        time.sleep(seconds)
        self.server.kill()
        self.stopping.set()
        for t in threads:
            t.join(60)

    def check(self):
        c = self.connect()
        (rows, total), = c.query('SELECT count(*), sum(amount) FROM account')
        luma.equal((rows, total), (str(ACCOUNTS), str(1000 * ACCOUNTS)), 'accounts and what they hold')
        for writer, n in ((int(w), int(n)) for w, n in c.query('SELECT writer, n FROM step')):
            # The step under way when the server was killed may be there, too.
            assert self.acked[writer] <= n <= self.acked[writer] + 1, (writer, self.acked[writer], n)
            self.acked[writer] = n
            have = [int(r[0]) for r in c.query(f'SELECT n FROM queue WHERE writer = {writer} ORDER BY n')]
            luma.equal(have, list(range(max(1, n - QUEUE + 1), n + 1)), f'queue of writer {writer}')
        c.close()


def run(*flags):
    with Server('--wal.segment_bytes=256KiB', *flags) as server:
        bank = Bank(server)
        bank.create()
        for _ in range(CYCLES):
            bank.cycle(random.uniform(0.05, 0.8))
            server.start()
            bank.check()
            assert not bank.mistakes, '\n'.join(bank.mistakes[:10])
        print(f'# {sum(bank.acked)} steps, {bank.conflicts} conflicts')
        assert sum(bank.acked) > 10 * CYCLES


def test_kill_9_under_transactions_of_updates():
    run()


def test_the_same_with_a_json_log():
    run('--wal.encoding=json')


if __name__ == '__main__':
    luma.run_suite(globals())
