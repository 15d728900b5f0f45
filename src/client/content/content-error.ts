/** Why content cannot be read as it has promised. */
import { SluiceError } from '../../base/sluice-error.ts';

export interface ContentFault {
  /**
   * `not-a-file`: there is something else of that name. `changed`: the file has changed since it was opened.
   * `shortened`: there are fewer bytes than the content's size. `too-large`: a file without a true size has too many.
   * `unreadable`: the system cannot read it; the system's error is the cause.
   */
  readonly code: 'not-a-file' | 'changed' | 'shortened' | 'too-large' | 'unreadable';
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
