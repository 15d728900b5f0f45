// Starts and stops what is compared: nginx, rsync's daemon and Sluice, each with a root of its own under `dir`.
//
// A peer is { name, pid, port, root, stop(), send(files, window, address?, prefix?) }; `send` answers seconds. It sends to
// the port unless the path of a Unix socket is given, and puts the prefix before the names.
import { execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { send } from '../clients/programs.mjs';
import { ownBuild } from './build.mjs';
import { killAtExit } from './tidy.mjs';

const asRoot = process.getuid?.() === 0;

/** Starts a server whose output goes to a file, so that nobody has to be awake to drain it. */
export function launch(name, program, args, dir) {
  mkdirSync(dir, { recursive: true });
  const logPath = join(dir, `${name}.log`);
  const log = openSync(logPath, 'w');
  const child = killAtExit(spawn(program, args, { stdio: ['ignore', log, log] }));
  closeSync(log);
  // A program that cannot be started at all: `until` tells it.
  child.once('error', () => {});
  const output = () => readFileSync(logPath, 'utf8');
  const over = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid,
    output,
    /** Waits until `ready` answers something true, and answers that. */
    async until(ready, seconds = 10) {
      for (let i = 0; i < seconds * 50; i++) {
        if (over()) throw new Error(`${name} ended: ${output().slice(-2000)}`);
        const answer = await ready(output());
        if (answer) return answer;
        await delay(20);
      }
      throw new Error(`${name} is not ready after ${seconds} s: ${output().slice(-2000)}`);
    },
    async stop() {
      if (over()) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Starts a Sluice, or a script that prints `listening on` like one, and adds its port. */
export async function launchListening(name, args, dir) {
  const server = launch(name, process.execPath, args, dir);
  const port = await server.until((output) => Number(output.match(/listening on \S+:(\d+)/)?.[1]));
  return { ...server, port };
}

/** The server of Sluice's own command line, of this build or another. */
export async function startSluice(dir, durability, more = [], name = 'sluice', build = ownBuild) {
  const root = join(dir, `${name}-root`);
  mkdirSync(root, { recursive: true });
  const where = ['--host', '127.0.0.1', '--port', '0', '--durability', durability];
  const server = await launchListening(name, [build.main, 'serve', root, ...where, ...more], dir);
  return {
    ...server,
    name: 'Sluice',
    root,
    send: (files, window, address = server.port, prefix = '') => send('wire', address, window, files, prefix),
  };
}

/**
 * nginx's WebDAV PUT. The body is gathered in memory up to 512 KiB and appended to a temporary file beside the root,
 * so that the end of a PUT is a rename. Measured on tmpfs with 16k to 1m: 512k is the fastest for one large file
 * (16k, the default: half of it). A header buffer of 16k takes a small request, head and body, in one read.
 *
 * @param tls files of a certificate and its key: then its port speaks TLS.
 * @param unix the path of a Unix socket to listen on as well.
 * @param connections how many it may have at once.
 * @param workers its processes that serve.
 */
export async function startNginx(dir, { tls, unix, connections = 64, workers = 1 } = {}) {
  const [root, temporary, port] = [join(dir, 'nginx-root'), join(dir, 'nginx-temporary'), await freePort()];
  for (const each of [root, temporary]) mkdirSync(each, { recursive: true });
  const conf = join(dir, 'nginx.conf');
  const secure = tls && `ssl_protocols TLSv1.3; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};`;
  writeFileSync(
    conf,
    `${asRoot ? 'user root;' : ''} worker_processes ${workers}; daemon off; pid ${dir}/nginx.pid; error_log stderr error;
    events { worker_connections ${connections}; }
    http {
      access_log off; sendfile on; keepalive_requests 1000000; tcp_nodelay on;
      client_max_body_size 0; client_body_buffer_size 512k; client_header_buffer_size 16k;
      client_body_temp_path ${temporary};
      proxy_temp_path ${temporary}; fastcgi_temp_path ${temporary};
      uwsgi_temp_path ${temporary}; scgi_temp_path ${temporary};
      server {
        listen 127.0.0.1:${port}${tls ? ' ssl' : ''}; ${unix ? `listen unix:${unix};` : ''} ${secure ?? ''}
        root ${root}; location / { dav_methods PUT; create_full_put_path on; }
      }
    }\n`,
  );
  const server = launch('nginx', 'nginx', ['-e', 'stderr', '-c', conf], dir);
  await server.until(() => answersAt(port));
  return {
    ...server,
    name: 'nginx',
    port,
    root,
    send: (files, window, address = port, prefix = '') => send('http', address, window, files, prefix),
  };
}

/**
 * rsync's daemon, sent to by rsync itself. `--whole-file`: no delta against what is not there. Not `--inplace`: like
 * the others, it writes beside and renames. The checksum it verifies by default (xxh128) stays, as Sluice's CRC does.
 */
export async function startRsync(dir, flags = []) {
  const [root, port] = [join(dir, 'rsync-root'), await freePort()];
  mkdirSync(root, { recursive: true });
  const conf = join(dir, 'rsyncd.conf');
  const identity = asRoot ? 'uid = root\ngid = root\n' : '';
  writeFileSync(
    conf,
    `use chroot = no\n${identity}log file = /dev/null\nreverse lookup = no\n[root]\npath = ${root}\nread only = no\n`,
  );
  const where = ['--address=127.0.0.1', `--port=${port}`];
  const server = launch('rsync', 'rsync', ['--daemon', '--no-detach', `--config=${conf}`, ...where], dir);
  await server.until(() => answersAt(port));
  const sendByRsync = async (files) => {
    const from = performance.now();
    const args = [
      '--recursive',
      '--whole-file',
      ...flags,
      `${files.dir}/`,
      `rsync://127.0.0.1:${port}/root/`,
    ];
    await promisify(execFile)('rsync', args);
    return (performance.now() - from) / 1000;
  };
  return { ...server, name: ['rsync', ...flags].join(' '), port, root, send: sendByRsync };
}

/** A port that was free a moment ago, for servers that cannot choose one themselves. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export function answersAt(port) {
  return new Promise((resolve) => {
    const probe = connect(port, '127.0.0.1');
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
    probe.once('connect', () => probe.destroy());
  });
}
