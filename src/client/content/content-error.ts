/** Why content cannot be read as it has promised. */
import { SluiceError } from '../../base/sluice-error.ts';

/** Why content cannot be read as it has promised: the data of a `ContentError`. */
export interface ContentFault {
  /**
   * Tells the faults apart:
   *
   * - `not-a-file`: there is something else of that name.
   * - `changed`: the file has changed since it was opened.
   * - `shortened`: there are fewer bytes than the content's size.
   * - `lengthened`: there are more.
   * - `too-large`: a file without a true size has more than 16 MiB.
   * - `unreadable`: the system cannot read it, or the stream has failed; its error is the cause.
   * - `read-once`: it is a stream, and was read before, or would have to be read twice.
   */
  readonly code:
    | 'not-a-file'
    | 'changed'
    | 'shortened'
    | 'lengthened'
    | 'too-large'
    | 'unreadable'
    | 'read-once';
  /** In words, with the name and the numbers. */
  readonly message: string;
}

/**
 * Content cannot be read as it has promised: what `fileContent` throws, and the `cause` of the `ClientError` `content`
 * with which a put then errors.
 *
 * @example client.put('a', () => fileContent('a')).subscribe({ error: ({ cause }) => console.error(cause) });
 */
export class ContentError extends SluiceError {
  declare readonly code: ContentFault['code'];
  declare readonly fault: ContentFault;

  constructor(code: ContentFault['code'], message: string, cause?: unknown) {
    super({ code, message }, { cause });
  }

  override get name(): 'ContentError' {
    return 'ContentError';
  }
}
