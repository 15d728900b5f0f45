/** The exit statuses of the command line, and their meaning. */

export const exitStatus = {
  /** The command did everything it was asked for. */
  success: 0,
  /** The server refused something, or this side could not read, write or serve something. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** The connection could not be made, or broke. */
  connection: 3,
  /** What was to be stored or moved is there already, and nothing else has failed. */
  existing: 4,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

/** How a shell reports that a signal ended a program: 128 and the signal's number. */
export const signalStatus = { SIGINT: 130, SIGTERM: 143 } as const;

export type EndingSignal = keyof typeof signalStatus;

/** Stands at the end of every `--help`. */
export const exitStatusHelp = `
Exit status:
  0  success
  1  something was refused, differs, or a local file or stdout could not be read
     or written
  2  the command line is wrong
  3  the connection could not be made, or broke
  4  with --no-clobber: what would be replaced is there already, and nothing
     else failed
  130, 143  SIGINT (Ctrl-C) or SIGTERM has ended it before it was done`;
