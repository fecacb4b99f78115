"""kill -9, power loss, a failed sync, a full disk: what was acknowledged is there, exactly once."""
import os, random, subprocess, sys, tempfile, shutil, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash import Rig, Server, luma, run_cycles
from powerloss import PowerLoss

KILL_CYCLES = int(os.environ.get('CRASH_CYCLES', '50'))


def test_kill_9_under_mixed_load():
    rig, slowest = run_cycles(KILL_CYCLES, 1.2)
    print(f'# {KILL_CYCLES} cycles, slowest start {slowest:.2f} s, {rig.summary()}')
    assert not rig.mistakes, '\n'.join(rig.mistakes[:20])
    assert rig.ledger.acked('metric') > 20 * KILL_CYCLES and rig.ledger.acked('row') > 5 * KILL_CYCLES, rig.summary()
    assert rig.ledger.acked('log') > 5 * KILL_CYCLES and rig.ledger.acked('span') > 5 * KILL_CYCLES, rig.summary()


def test_clean_stop_keeps_everything():
    server = Server()
    with server:
        rig = Rig(server)
        rig.create_table()
        codes = []
        rig.cycle(0, 1.0, kill=lambda: codes.append(server.stop()))
        luma.equal(codes, [0], 'exit code of SIGTERM')
        server.start()
        rig.check({0})
        assert not rig.mistakes, '\n'.join(rig.mistakes[:20])


def power_cycles(cycles, lie):
    """Like kill -9, but what was not synced is taken away before each restart."""
    parent = tempfile.mkdtemp(prefix='luma-power-')
    data_dir = os.path.join(parent, 'data')
    os.mkdir(data_dir)
    loss = PowerLoss(data_dir, lie=lie)
    server = Server('--wal.segment_bytes=256KiB', data_dir=data_dir)
    undone = 0
    try:
        # The table is made durable by a first, honest run.
        with server:
            rig = Rig(server)
            rig.create_table()
        server.env = loss.env()
        for cycle in range(cycles):
            server.start()
            rig.cycle(cycle, rig.random.uniform(0.2, 1.0))
            undone += loss.cut(rig.random if cycle % 2 and not lie else None)
            server.start()
            rig.check({cycle} | {rig.random.randint(0, cycle)})
            server.kill()
            undone += loss.cut()
            if rig.mistakes:
                break
    finally:
        if server.process:
            server.kill()
        loss.close()
        shutil.rmtree(parent, ignore_errors=True)
    return rig, undone


def test_power_loss_keeps_what_was_acknowledged():
    rig, undone = power_cycles(8, lie=False)
    print(f'# {undone} unsynced changes undone, {rig.summary()}')
    assert not rig.mistakes, '\n'.join(rig.mistakes[:20])
    assert rig.ledger.acked() > 100 and undone > 0, rig.summary()


def test_control_without_syncs_loses_data():
    rig, undone = power_cycles(1, lie=True)
    print(f'# {undone} unsynced changes undone, {rig.summary()}')
    assert rig.ledger.acked() > 10 and rig.lost > 0, 'the rig does not see a server that never syncs: ' + rig.summary()


def test_failed_sync_stops_writes_and_nothing_else():
    parent = tempfile.mkdtemp(prefix='luma-eio-')
    data_dir = os.path.join(parent, 'data')
    os.mkdir(data_dir)
    loss = PowerLoss(data_dir, fail_after=100)
    server = Server(data_dir=data_dir, env=loss.env())

    def look_and_kill():
        luma.eventually(lambda: rig.ledger.refused > 20, 30)
        acked = rig.ledger.acked()
        time.sleep(0.5)
        luma.equal(rig.ledger.acked(), acked, 'acknowledged requests after the failure')
        assert server.query('count(count_over_time(crash[2h]))', rig.base_ms / 1000 + 3600), 'reads stopped, too'
        assert 'write-ahead log failed' in rig.refusal, rig.refusal
        server.kill()

    try:
        server.start()
        rig = Rig(server)
        rig.create_table()
        rig.cycle(0, 0.1, kill=look_and_kill)
        undone = loss.cut()
        server.env = {}
        server.start()
        rig.check({0})
        print(f'# {undone} unsynced changes undone, {rig.summary()}')
        assert not rig.mistakes, '\n'.join(rig.mistakes[:20])
    finally:
        if server.process:
            server.kill()
        loss.close()
        shutil.rmtree(parent, ignore_errors=True)


def test_full_disk_refuses_and_goes_on_when_there_is_room():
    mount = tempfile.mkdtemp(prefix='luma-full-')
    if os.geteuid() != 0 or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount],
                                           capture_output=True).returncode:
        os.rmdir(mount)
        raise luma.Skip('needs the right to mount a small file system')
    data_dir = os.path.join(mount, 'data')
    os.mkdir(data_dir)
    server = Server('--wal.segment_bytes=256KiB', data_dir=data_dir)
    seen = []

    def refuse_then_make_room():
        luma.eventually(lambda: rig.ledger.refused > 20, 60)
        seen.append(server.query('count(count_over_time(crash[2h]))', rig.base_ms / 1000 + 3600))
        refused, acked = rig.ledger.refused, rig.ledger.acked()
        subprocess.run(['mount', '-o', 'remount,size=64m', mount], check=True)
        began = time.time()
        luma.eventually(lambda: rig.ledger.acked('metric') and rig.ledger.acked() > acked + 100, 5)
        print(f'# {refused} refused on the full disk, writes again after {time.time() - began:.2f} s')
        server.kill()

    try:
        server.start()
        rig = Rig(server)
        rig.create_table()
        rig.cycle(0, 0.1, kill=refuse_then_make_room)
        server.start()
        rig.check({0})
        assert not rig.mistakes, '\n'.join(rig.mistakes[:20])
        assert seen and seen[0], 'no answer to a query while the disk was full'
    finally:
        if server.process:
            server.kill()
        subprocess.run(['umount', '-l', mount])
        os.rmdir(mount)


def test_shim_takes_away_exactly_what_was_not_synced():
    program = '''
import os, signal
def put(name, *ops):
    fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
    for op in ops:
        if op == 'sync':
            os.fsync(fd)
        elif isinstance(op, int):
            os.ftruncate(fd, op)
        else:
            os.pwrite(fd, op[1], op[0])
    return fd
def sync_dir():
    fd = os.open('.', os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
put('kept', (0, b'abcdef'), 'sync', (3, b'XYZ123'), (20, b'far'))
put('cut', (0, b'abcdef'), 'sync', 2)
put('old', (0, b'old'), 'sync')
put('gone', (0, b'gone'), 'sync')
sync_dir()
put('unnamed', (0, b'data'), 'sync')
put('new', (0, b'new'), 'sync')
os.rename('new', 'old')
os.unlink('gone')
os.kill(os.getpid(), signal.SIGKILL)
'''
    parent = tempfile.mkdtemp(prefix='luma-shim-')
    data_dir = os.path.join(parent, 'data')
    os.mkdir(data_dir)
    loss = PowerLoss(data_dir)
    try:
        p = subprocess.run([sys.executable, '-c', program], cwd=data_dir, env={**os.environ, **loss.env()})
        luma.equal(p.returncode, -9)
        assert loss.cut() >= 7
        content = {n: open(os.path.join(data_dir, n), 'rb').read() for n in os.listdir(data_dir)}
        luma.equal(content, {'kept': b'abcdef', 'cut': b'abcdef', 'old': b'old', 'gone': b'gone'})
    finally:
        loss.close()
        shutil.rmtree(parent, ignore_errors=True)


if __name__ == '__main__':
    luma.run_suite(globals())
