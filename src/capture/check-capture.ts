/** Checks the arguments of public functions that read captures. */
import { check, checkOptions, optional, RECORD, withMethods } from '../wire/argument.ts';
import type { Capture } from './capture.ts';

const CAPTURE = withMethods('a capture, such as captureFile or captureOf makes', ['blocks']);

/**
 * @param by the function that was given them.
 * @throws TypeError when the capture is none, or the options are no object.
 */
export function checkCapture(by: string, capture: Capture, options: unknown = {}): void {
  check(`${by}: the capture`, capture, CAPTURE);
  checkOptions(by, options, { streams: optional(RECORD) });
}
