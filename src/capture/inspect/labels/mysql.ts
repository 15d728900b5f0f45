/**
 * MySQL and MariaDB: the command of a client, and how the server's answer begins.
 *
 * ```text
 *  length: 3   sequence: 1   first byte of the payload: a command (of the client, sequence 0), or the kind of an answer
 * ```
 */
import { asciiOf } from '../../../base/bytes.ts';
import type { FrameBeginning, Labels } from './label.ts';

/** By their numbers. */
const COMMANDS: readonly string[] = [
  ...['SLEEP', 'QUIT', 'INIT_DB', 'QUERY', 'FIELD_LIST', 'CREATE_DB', 'DROP_DB', 'REFRESH', 'SHUTDOWN'],
  ...['STATISTICS', 'PROCESS_INFO', 'CONNECT', 'PROCESS_KILL', 'DEBUG', 'PING', 'TIME', 'DELAYED_INSERT'],
  ...['CHANGE_USER', 'BINLOG_DUMP', 'TABLE_DUMP', 'CONNECT_OUT', 'REGISTER_SLAVE', 'STMT_PREPARE'],
  ...['STMT_EXECUTE', 'STMT_SEND_LONG_DATA', 'STMT_CLOSE', 'STMT_RESET', 'SET_OPTION', 'STMT_FETCH'],
  ...['DAEMON', 'BINLOG_DUMP_GTID', 'RESET_CONNECTION'],
];
/** Commands behind which is text for people to read: a database, or SQL. */
const WITH_TEXT = ['INIT_DB', 'QUERY', 'STMT_PREPARE'];

/** The payload of a client that asks for TLS, before it says who it is. */
const SSL_REQUEST_BYTES = 32;
const HANDSHAKE_VERSION = 10;

export function mysqlLabels(): Labels {
  let loggedIn = false;
  /** Whether the server has answered nothing since the client's last packet. */
  let isFirst = true;
  return {
    of(frame) {
      const { bytes, from, length } = frame;
      if (bytes.length < 5) return null;
      const sequence = bytes[3]!;
      if (from === 'server') {
        const label = answer(frame, isFirst);
        isFirst = false;
        return label;
      }
      isFirst = true;
      if (sequence === 0) {
        loggedIn = true;
        return command(bytes);
      }
      if (loggedIn) return null;
      return length === SSL_REQUEST_BYTES ? 'SSLRequest' : sequence === 1 ? 'HandshakeResponse' : null;
    },
  };
}

function command(bytes: Uint8Array): string {
  const name = COMMANDS[bytes[4]!];
  if (name === undefined) return `command ${bytes[4]}`;
  return WITH_TEXT.includes(name) ? `COM_${name} ${asciiOf(bytes.subarray(5))}` : `COM_${name}`;
}

/** Rows may begin with the byte of an OK, so that only the first packet of an answer can be one. */
function answer({ bytes, length }: FrameBeginning, isFirst: boolean): string | null {
  const [sequence, kind] = [bytes[3]!, bytes[4]!];
  if (kind === 0xff) return bytes.length < 7 ? 'ERR' : `ERR ${bytes[5]! | (bytes[6]! << 8)}`;
  if (kind === 0xfe && length < 9) return 'EOF';
  if (!isFirst) return null;
  if (kind === 0) return 'OK';
  return sequence === 0 && kind === HANDSHAKE_VERSION ? 'Handshake' : null;
}
