import { type HeadFault, headFault } from '../../wire/fault.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import { requestPatterns } from './request.ts';

/**
 * The length of a put's body, or why it cannot be known. A client may send the content from an offset on; `filesize`
 * is always the size of the whole file.
 */
export function putBodyLength({ filesize, offset = 0 }: JsonHeader): number | string {
  if (!isByteCount(filesize)) return FILESIZE_RULE;
  if (!isByteCount(offset)) return "'offset' must be a whole number of bytes from 0 to 'filesize'";
  return offset <= filesize ? filesize - offset : "'offset' is past 'filesize'";
}

/**
 * The length of the body of a command that the reader does not know, or why it cannot be known. The reader takes
 * `filesize` to be the length, so that it can skip the body and serve the requests behind it.
 */
export function unknownBodyLength({ filesize = 0 }: JsonHeader): number | string {
  return isByteCount(filesize) ? filesize : FILESIZE_RULE;
}

/** The length of the body of any request, by Sluice's own commands. */
export function requestBodyLength(header: JsonHeader): number | HeadFault {
  const { cmd } = header;
  if (cmd === 'put') return lengthOr(putBodyLength(header), PUT_RULE);
  if (typeof cmd === 'string' && Object.hasOwn(requestPatterns, cmd)) return 0;
  return lengthOr(unknownBodyLength(header), "'filesize' must be a number of bytes");
}

const lengthOr = (length: number | string, fault: string): number | HeadFault =>
  typeof length === 'number' ? length : headFault('body-length-invalid', fault);

const PUT_RULE = "'filesize' and 'offset' of a put must be numbers of bytes, the offset within the file";

const FILESIZE_RULE = "'filesize' must be a whole number of bytes from 0 to 9007199254740991";

const isByteCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;
