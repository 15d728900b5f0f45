// Whole programs that send and fetch files and trees, each with its own server: `sluice put` and `get`, rsync, rclone.
//
// A peer is { name, pids, root, once?, stop(), put(path), get(name, folder) }. `put` and `get` answer a command, which
// stores what is at `path` under its own name, and fetches it from there into `folder`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { answersAt, freePort, launch, startRsync, startSluice } from './peers.mjs';

/** The command line of a build of Sluice, and its server with durability `os`. */
export async function sluiceProgram(dir, build) {
  const { pid, root, port, stop } = await startSluice(dir, 'os', [], 'sluice', build);
  const sluice = (...args) => [process.execPath, build.main, ...args];
  return {
    name: 'sluice',
    pids: [pid],
    root,
    stop,
    put: (path) => sluice('put', '--quiet', path, '--to', `:${port}`),
    get: (name, folder) => sluice('get', '--quiet', '-r', name, '--from', `:${port}`, '--out', folder),
  };
}

/** rsync and its daemon. With `--times`, so that it knows what it has sent before. */
export async function rsyncProgram(dir) {
  const { pid, root, port, stop } = await startRsync(dir);
  const there = `rsync://127.0.0.1:${port}/root/`;
  const rsync = (...args) => ['rsync', '--recursive', '--times', '--whole-file', ...args];
  return {
    name: 'rsync',
    pids: [pid],
    root,
    stop,
    put: (path) => rsync(path, there),
    get: (name, folder) => rsync(`${there}${name}`, `${folder}/`),
  };
}

/**
 * rclone and its own servers, the fastest of those that were tried: it sends over SFTP (over WebDAV it sends a hundred
 * requests a second at most) and fetches over HTTP. All else is as it is by default.
 */
export async function rcloneProgram(dir) {
  const [root, config, ports] = [
    join(dir, 'rclone-root'),
    join(dir, 'rclone.conf'),
    [await freePort(), await freePort()],
  ];
  mkdirSync(root, { recursive: true });
  writeFileSync(config, '');
  const rclone = (...args) => ['rclone', '--quiet', '--config', config, '--cache-dir', dir, ...args];
  const serve = async (protocol, port, ...more) => {
    const where = ['--addr', `127.0.0.1:${port}`, '--dir-cache-time', '0'];
    const [program, ...args] = rclone('serve', protocol, root, ...where, ...more);
    const server = launch(`rclone-${protocol}`, program, args, dir);
    await server.until(() => answersAt(port));
    return server;
  };
  const secret = execFileSync('rclone', ['obscure', 'secret'], { encoding: 'utf8' }).trim();
  const servers = [
    await serve('sftp', ports[0], '--user', 'user', '--pass', 'secret'),
    await serve('http', ports[1]),
  ];
  const sftp = `:sftp,host=127.0.0.1,port=${ports[0]},user=user,pass=${secret}:`;
  const http = `:http,url='http://127.0.0.1:${ports[1]}':`;
  return {
    name: 'rclone',
    pids: servers.map(({ pid }) => pid),
    root,
    once: true,
    async stop() {
      for (const server of servers) await server.stop();
    },
    put: (path) => rclone('copyto', path, `${sftp}${basename(path)}`),
    get: (name, folder) => rclone('copyto', `${http}${name}`, join(folder, name)),
  };
}
