/**
 * SMB: the command of a message, and the status of a response ([MS-SMB2], section 2.2.1; [MS-CIFS], section 2.2.3.1).
 *
 * ```text
 *  SMB 2, 3    head: 4   FE 'SMB'   8  status: 4   12  command: 2   16  flags: 4   20  offset of the next command
 *  SMB 1       head: 4   FF 'SMB'   4  command: 1  5  status: 4     9  flags: 1
 * ```
 */
import { hexNumber } from '../../../base/bytes.ts';
import { int32le } from '../../../wire/presets/message-head.ts';
import type { Labels } from './label.ts';

const HEAD_BYTES = 4;
const COMMANDS: readonly string[] = [
  ...['Negotiate', 'SessionSetup', 'Logoff', 'TreeConnect', 'TreeDisconnect', 'Create', 'Close', 'Flush'],
  ...['Read', 'Write', 'Lock', 'Ioctl', 'Cancel', 'Echo', 'QueryDirectory', 'ChangeNotify', 'QueryInfo'],
  ...['SetInfo', 'OplockBreak', 'ServerToClientNotification'],
];
/** Of SMB 1, those that are met most. */
const OLD_COMMANDS: ReadonlyMap<number, string> = new Map([
  [0x04, 'Close'],
  [0x24, 'LockingAndx'],
  [0x25, 'Transaction'],
  [0x2b, 'Echo'],
  [0x2e, 'ReadAndx'],
  [0x2f, 'WriteAndx'],
  [0x32, 'Transaction2'],
  [0x71, 'TreeDisconnect'],
  [0x72, 'Negotiate'],
  [0x73, 'SessionSetupAndx'],
  [0x74, 'LogoffAndx'],
  [0x75, 'TreeConnectAndx'],
  [0xa0, 'NtTransact'],
  [0xa2, 'NtCreateAndx'],
]);
const STATUSES: ReadonlyMap<number, string> = new Map([
  [0x0000_0103, 'PENDING'],
  [0x8000_0006, 'NO_MORE_FILES'],
  [0xc000_000f, 'NO_SUCH_FILE'],
  [0xc000_0011, 'END_OF_FILE'],
  [0xc000_0016, 'MORE_PROCESSING_REQUIRED'],
  [0xc000_0022, 'ACCESS_DENIED'],
  [0xc000_0034, 'OBJECT_NAME_NOT_FOUND'],
  [0xc000_0035, 'OBJECT_NAME_COLLISION'],
  [0xc000_006d, 'LOGON_FAILURE'],
  [0xc000_00bb, 'NOT_SUPPORTED'],
  [0xc000_0225, 'NOT_FOUND'],
]);

const IS_RESPONSE = 1;
const IS_OLD_RESPONSE = 0x80;

export const smbLabels = (): Labels => ({
  of({ bytes }) {
    if (bytes[0] !== 0 || bytes[5] !== 0x53 || bytes[6] !== 0x4d || bytes[7] !== 0x42) return null;
    const at = HEAD_BYTES;
    if (bytes[at] === 0xfd) return 'encrypted';
    if (bytes[at] === 0xfc) return 'compressed';
    if (bytes[at] === 0xff && bytes.length >= at + 10) {
      const command = bytes[at + 4]!;
      const name = OLD_COMMANDS.get(command) ?? `command ${command}`;
      const isResponse = (bytes[at + 9]! & IS_OLD_RESPONSE) !== 0;
      return `SMB1 ${name}${isResponse ? responseWords(int32le(bytes, at + 5)) : ''}`;
    }
    if (bytes[at] !== 0xfe || bytes.length < at + 24) return null;
    const command = bytes[at + 12]! | (bytes[at + 13]! << 8);
    const name = COMMANDS[command] ?? `command ${command}`;
    const isResponse = (bytes[at + 16]! & IS_RESPONSE) !== 0;
    const more = int32le(bytes, at + 20) === 0 ? '' : ' and more';
    return `${name}${isResponse ? responseWords(int32le(bytes, at + 8)) : ''}${more}`;
  },
});

function responseWords(signed: number): string {
  const status = signed >>> 0;
  return status === 0 ? ' response' : ` response ${STATUSES.get(status) ?? hexNumber(status, 8)}`;
}
