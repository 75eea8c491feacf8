#!/usr/bin/env python3
"""Many small files, and few large ones: rectify against reading only (warm), and against fio (past the page cache).

    python3 benches/trees.py DIRECTORY [RUNS]

DIRECTORY has to be on a disk that can be read directly (no tmpfs); what is made there is removed again. Needs `cargo
build --release` with `--example verify_md5sums`, and fio. The trees are Python packages with a RECORD, so that `rectify
check system --read direct` has something to hold them against: 40,000 files of 1 to 41 KiB, and 4 of 512 MiB. fio reads
the large files, 1 MiB at a time, 8 at once: what the disk gives. Prints medians of one alternating run, after one that
warms up. A warm run that had to fetch something from the disk is none, and is made again: some virtual machines take
memory back while it is idle.
"""
import base64
import hashlib
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SMALL, LARGE, LARGE_SIZE = 40000, 4, 512 << 20


def make(directory, name, sizes):
    """An environment with one package of files of random bytes; gives their paths."""
    seeded = random.Random(name)
    site = os.path.join(directory, name, 'lib/python3.11/site-packages')
    info = os.path.join(site, name + '-1.0.dist-info')
    os.makedirs(info)
    paths, rows, sums = [], [], []
    for number, size in enumerate(sizes):
        package = '%s/d%03d' % (name, number // 100)
        os.makedirs(os.path.join(site, package), exist_ok=True)
        relative = '%s/f%05d.dat' % (package, number)
        sha256, md5 = hashlib.sha256(), hashlib.md5()
        with open(os.path.join(site, relative), 'wb') as f:
            left = size
            while left:
                block = seeded.randbytes(min(left, 1 << 20))
                f.write(block)
                sha256.update(block)
                md5.update(block)
                left -= len(block)
        paths.append(os.path.join(site, relative))
        digest = base64.urlsafe_b64encode(sha256.digest()).decode().rstrip('=')
        rows.append('%s,sha256=%s,%d\n' % (relative, digest, size))
        sums.append('%s  %s\n' % (md5.hexdigest(), paths[-1]))
    metadata = 'Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n' % name
    digest = base64.urlsafe_b64encode(hashlib.sha256(metadata.encode()).digest()).decode().rstrip('=')
    rows.append('%s-1.0.dist-info/METADATA,sha256=%s,%d\n' % (name, digest, len(metadata)))
    with open(os.path.join(info, 'METADATA'), 'w') as f:
        f.write(metadata)
    with open(os.path.join(info, 'RECORD'), 'w') as f:
        f.write(''.join(rows) + '%s-1.0.dist-info/RECORD,,\n' % name)
    conf = os.path.join(directory, 'conf-' + name)
    os.mkdir(conf)
    with open(os.path.join(conf, 'rectify.toml'), 'w') as f:
        f.write('packages = false\n[[trees]]\npath = "%s"\nkind = "python"\n' % os.path.join(directory, name))
    with open(os.path.join(directory, name + '.md5'), 'w') as f:
        f.writelines(sums)
    return paths


def run(command, output, wanted):
    """Wall and processor seconds, most memory (KiB) and blocks from the disk of a command, whose output has to say `wanted`."""
    with open(output, 'wb') as f:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT)
        _, _, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
    with open(output, errors='replace') as f:
        text = f.read()
    if wanted not in text:
        sys.exit('%s does not say `%s`:\n%s' % (' '.join(command), wanted, text[-3000:]))
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, usage.ru_inblock


def main():
    directory = tempfile.mkdtemp(prefix='rectify-bench-', dir=os.path.realpath(sys.argv[1]))
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    example = os.environ.get('VERIFY_MD5SUMS', os.path.join(TOP, 'target/release/examples/verify_md5sums'))
    rectify = os.path.join(TOP, 'target/release/rectify')
    output = os.path.join(directory, 'output')
    try:
        seeded = random.Random(1)
        sizes = {'small': [seeded.randint(1 << 10, 41 << 10) for _ in range(SMALL)], 'large': [LARGE_SIZE] * LARGE}
        paths = {name: make(directory, name, column) for name, column in sizes.items()}
        total = {name: sum(column) for name, column in sizes.items()}
        os.sync()
        commands = {}
        for name in sizes:
            md5 = os.path.join(directory, name + '.md5')
            conf = ['-C', os.path.join(directory, 'conf-' + name), '--no-progress']
            commands[name, 'read only, warm'] = [example, '--read', '--md5', md5], 'read'
            commands[name, 'look and read only, warm'] = [example, '--read', '--look', '--md5', md5], 'read'
            commands[name, 'rectify, MD5, warm'] = [example, '--md5', md5], '%d intact' % len(paths[name])
            commands[name, 'rectify check, SHA-256, warm'] = [rectify, 'check', 'system'] + conf, 'In sync'
            commands[name, 'rectify check --read direct'] = [rectify, 'check', 'system', '--read', 'direct'] + conf, 'In sync'
        fio = ['fio', '--name=read', '--readonly', '--direct=1', '--rw=read', '--bs=1M', '--iodepth=8', '--ioengine=libaio',
               '--filename=' + ':'.join(paths['large']), '--file_service_type=sequential']
        commands['large', 'fio, direct, 1 MiB, 8 at once'] = fio, 'err= 0'
        results = {key: [] for key in commands}
        loads, again = [], 0
        for turn in range(runs + 1):
            for key, (command, wanted) in commands.items():
                for _ in range(20):
                    # What lies idle for a minute is slow to come back on some virtual machines.
                    run(commands[key[0], 'read only, warm'][0], output, 'read')
                    result = run(command, output, wanted)
                    if 'warm' not in key[1] or not result[3]:
                        break
                    again += 1
                else:
                    sys.exit('%s is never warm' % ' '.join(command))
                loads.append(os.getloadavg()[0])
                if turn:
                    results[key].append(result)
        wall, cpu, memory = ({key: statistics.median(result[column] for result in values) for key, values in results.items()}
                             for column in (0, 1, 2))
        disk = total['large'] / wall['large', 'fio, direct, 1 MiB, 8 at once']
        print('| files | command | wall s | CPU s | MB | MB/s | of reading only, CPU | wall | of looking and reading, CPU | wall | of fio |\n'
              '|---|---|---|---|---|---|---|---|---|---|---|')
        for (name, what), seconds in wall.items():
            rate = total[name] / seconds
            floors = (name, 'read only, warm'), (name, 'look and read only, warm')
            shares = [('%.0f %%' % (100 * column[floor] / column[name, what])) if 'warm' in what else '' for floor in floors for column in (cpu, wall)]
            print('| %s | %s | %.2f | %.2f | %.0f | %.0f | %s | %s | %s | %s | %s |' % (
                name, what, seconds, cpu[name, what], memory[name, what] / 1e3, rate / 1e6, *shares,
                '' if 'warm' in what else '%.0f %%' % (100 * rate / disk)))
        print('\n%d runs each, alternating, after one to warm up; %d files of 1 to 41 KiB (%.2f GB) and %d of %d MiB; %d CPUs; '
              'load %.1f to %.1f; %d warm runs were not and were made again; %s %s' % (
                  runs, SMALL, total['small'] / 1e9, LARGE, LARGE_SIZE >> 20, os.cpu_count(), min(loads), max(loads), again,
                  platform.system(), platform.release()))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == '__main__':
    main()
