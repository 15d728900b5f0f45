/** Content that is to be sent, checked before its header promises so many bytes. */
import { check, wholeFrom, withMethods } from '../../wire/argument.ts';
import type { Content } from './content.ts';

const WITH_READ = withMethods('content: an object with `size` and `read`, such as bytesContent makes', [
  'read',
]);
const SIZE = wholeFrom(0);

/** @throws TypeError or RangeError when it is no content, or does not say how long it is. */
export function checkContent(content: Content): Content {
  check('what is put', content, WITH_READ);
  check("the content's size", content.size, SIZE);
  return content;
}
