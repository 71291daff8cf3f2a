/** Descriptor from which the terminal's host takes sizes: lines of rows and columns. */
export const terminalControlFd = 3;

/**
 * Runs the command in its arguments on a pseudo terminal of its own, in Python as Node cannot open
 * one: standard input goes in, what the terminal shows comes out, and its exit code is the command's.
 * When the control descriptor ends it leaves, and the kernel hangs up the terminal.
 */
export const terminalHost = `import errno, fcntl, os, pty, select, stat, struct, sys, termios
control, limit = ${terminalControlFd}, 65536
pid, master = pty.fork()
if pid == 0:
    os.close(control)
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        os.write(2, ('%s: %s\\n' % (sys.argv[1], error.strerror)).encode())
        os._exit(127)
os.set_blocking(master, False)
os.set_blocking(1, False)
keyed = not stat.S_ISCHR(os.fstat(0).st_mode)
keys = shown = lines = b''
alive = True
while alive or shown:
    reads = [control]
    if keyed and len(keys) < limit: reads.append(0)
    if alive and len(shown) < limit: reads.append(master)
    writes = ([master] if keys and alive else []) + ([1] if shown else [])
    reads, writes, _ = select.select(reads, writes, [])
    if 0 in reads:
        got = os.read(0, limit)
        if got == b'':
            keyed, got = False, b'\\x04'
        keys += got
    if control in reads:
        got = os.read(control, limit)
        if got == b'': os._exit(1)
        *sizes, lines = (lines + got).split(b'\\n')
        for size in sizes:
            rows, columns = map(int, size.split())
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    if master in writes:
        try:
            keys = keys[os.write(master, keys):]
        except OSError as error:
            if error.errno != errno.EAGAIN: keys = b''
    if master in reads:
        try:
            got = os.read(master, limit)
            alive = got != b''
            shown += got
        except OSError as error:
            alive = error.errno == errno.EAGAIN
    if 1 in writes:
        try:
            shown = shown[os.write(1, shown):]
        except BlockingIOError:
            pass
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
os._exit(code if code >= 0 else 128 - code)
`;
