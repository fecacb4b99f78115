"""Undoes what a process under test/lib/powerloss_shim.c had not synced when it was killed.

    log = PowerLoss(data_dir)          # builds the shim
    Server(..., env=log.env())         # every start with a fresh log
    server.kill(); log.cut()           # the files are now as a lost power supply may leave them
"""
import os, random, shutil, struct, subprocess, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAD = struct.Struct('<BHIQQQ')


class PowerLoss:
    def __init__(self, data_dir, lie=False, fail_after=None):
        """lie: syncs do nothing; fail_after: the log's sync behind so many fails."""
        self.data_dir, self.lie, self.fail_after = os.path.realpath(data_dir), lie, fail_after
        # On the same file system, as removed files are kept by links.
        self.tmp = tempfile.mkdtemp(prefix='luma-powerloss-', dir=os.path.dirname(self.data_dir))
        self.shim, self.log = os.path.join(self.tmp, 'shim.so'), os.path.join(self.tmp, 'log')
        subprocess.run([os.environ.get('CC', 'cc').split()[-1], '-shared', '-fPIC', '-O2', '-D_GNU_SOURCE', '-o', self.shim,
                        os.path.join(ROOT, 'test', 'lib', 'powerloss_shim.c'), '-ldl'], check=True)

    def env(self):
        return {'LD_PRELOAD': self.shim, 'POWERLOSS_DIR': self.data_dir, 'POWERLOSS_LOG': self.log,
                **({'POWERLOSS_LIE': '1'} if self.lie else {}),
                **({'POWERLOSS_FAIL_AFTER': str(self.fail_after)} if self.fail_after is not None else {})}

    def close(self):
        shutil.rmtree(self.tmp, ignore_errors=True)

    def records(self):
        with open(self.log, 'rb') as f:
            data = f.read()
        at, out = 0, []
        while at + HEAD.size <= len(data):
            op, path_len, content_len, file_id, offset, old_size = HEAD.unpack_from(data, at)
            body = at + HEAD.size
            if body + path_len + content_len > len(data):
                break  # killed while recording: the change itself had not begun
            path = data[body:body + path_len].decode('utf-8', 'surrogateescape')
            content = data[body + path_len:body + path_len + content_len]
            out.append((at, chr(op), path, content, file_id, offset, old_size))
            at = body + path_len + content_len
        return out

    def cut(self, keep_some=None):
        """Undoes unsynced changes: all, or with a random.Random those behind a random point. Returns how many."""
        if not os.path.exists(self.log):
            return 0
        records = self.records()
        safe_file, safe_dir = {}, {}
        for _, op, path, _, file_id, sequence, _ in records:
            if op == 'S':
                safe_file[file_id] = sequence
            elif op == 'P':
                safe_dir[path] = sequence
        unsafe = [r for r in records
                  if r[1] == 'W' and r[0] >= safe_file.get(r[4], 0)
                  or r[1] in 'CDR' and r[0] >= safe_dir.get(os.path.dirname(r[2]), 0)]
        kept = keep_some.randint(0, len(unsafe)) if keep_some else 0
        for record in reversed(unsafe[kept:]):
            self.undo(record)
        os.unlink(self.log)
        shutil.rmtree(self.log + '.d', ignore_errors=True)
        return len(unsafe) - kept

    def undo(self, record):
        _, op, path, content, file_id, offset, old_size = record
        if op == 'W':
            target = self.find(file_id)
            if target:
                with open(target, 'r+b') as f:
                    f.seek(offset)
                    f.write(content)
                    f.truncate(old_size)
        elif op == 'C' and os.path.exists(path) and os.stat(path).st_ino == file_id:
            os.unlink(path)
        elif op == 'D':
            kept = os.path.join(self.log + '.d', content.decode())
            if not os.path.exists(path):
                os.link(kept, path)
        elif op == 'R':
            new = content.decode('utf-8', 'surrogateescape')
            if os.path.exists(new):
                os.rename(new, path)

    def find(self, file_id):
        """Where a file is now; removed ones are under their links."""
        for top in (self.data_dir, self.log + '.d'):
            for folder, _, names in os.walk(top):
                for name in names:
                    p = os.path.join(folder, name)
                    if os.lstat(p).st_ino == file_id:
                        return p
        return None
