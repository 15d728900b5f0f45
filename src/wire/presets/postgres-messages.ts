/**
 * The messages of PostgreSQL by their first byte.
 *
 * Both sides use some letters for different things. Where the length does not tell, both names are given: the
 * client's first.
 */

const names: Readonly<Record<string, string>> = {
  '1': 'ParseComplete',
  '2': 'BindComplete',
  '3': 'CloseComplete',
  A: 'NotificationResponse',
  B: 'Bind',
  C: 'Close or CommandComplete',
  D: 'Describe or DataRow',
  E: 'Execute or ErrorResponse',
  F: 'FunctionCall',
  G: 'CopyInResponse',
  H: 'CopyOutResponse',
  I: 'EmptyQueryResponse',
  K: 'BackendKeyData',
  N: 'NoticeResponse',
  P: 'Parse',
  Q: 'Query',
  R: 'Authentication',
  S: 'ParameterStatus',
  T: 'RowDescription',
  V: 'FunctionCallResponse',
  W: 'CopyBothResponse',
  X: 'Terminate',
  Z: 'ReadyForQuery',
  c: 'CopyDone',
  d: 'CopyData',
  f: 'CopyFail',
  n: 'NoData',
  p: 'PasswordMessage',
  s: 'PortalSuspended',
  t: 'ParameterDescription',
  v: 'NegotiateProtocolVersion',
};

/** The messages that only the client sends, and that have no body. */
const empty: Readonly<Record<string, string>> = { H: 'Flush', S: 'Sync' };

/** The message whose first byte is `type`, with a body of `length` bytes; null when there is none such. */
export function messageName(type: number, length: number): string | null {
  const letter = String.fromCharCode(type);
  return (length === 0 ? empty[letter] : undefined) ?? names[letter] ?? null;
}

/** The requests of a message without a type byte, by the number after its length. */
export function startupName(code: number): string | null {
  if (code === 80_877_102) return 'CancelRequest';
  if (code === 80_877_103) return 'SSLRequest';
  if (code === 80_877_104) return 'GSSENCRequest';
  return code >>> 16 === 3 ? 'StartupMessage' : null;
}
