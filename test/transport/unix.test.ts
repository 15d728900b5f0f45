import type { Connection } from '../../src/transport/connection.ts';
import { connectUnix, listenUnix } from '../../src/transport/unix.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { connectionContract } from './connection-contract.ts';
import { once } from './connection-helpers.ts';
import { listener } from './tcp-pair.ts';

async function unixPair(): Promise<[Connection, Connection]> {
  const path = `${tempFolder()}/s`;
  const { connection, stop } = await listener(listenUnix({ path }));
  const pair = await Promise.all([once(connectUnix({ path })), connection()]);
  stop();
  return pair;
}
connectionContract('A Unix socket', unixPair, { resets: false, names: false });
