/** Turns a fault of the framing into an error of the catalogue, with its position and its bytes. */
import { inWords } from '../../wire/argument.ts';
import type { FaultCode, FrameFault } from '../../wire/fault.ts';
import { type ErrorCode, type ServiceFault, serviceFault } from './errors.ts';

const ERROR_CODES: Readonly<Record<FaultCode, ErrorCode>> = {
  'length-negative': 'bad-header-length',
  'length-too-large': 'bad-header-length',
  'length-too-small': 'bad-header-length',
  'varint-too-long': 'bad-header-length',
  'header-empty': 'bad-header-length',
  'header-invalid': 'bad-header',
  'body-length-invalid': 'bad-body-length',
  'body-too-large': 'bad-body-length',
  'message-invalid': 'bad-request',
  truncated: 'truncated',
};

/** The code in the catalogue for a fault of the framing. */
export function faultCode(code: FaultCode): ErrorCode {
  if (typeof code === 'string' && Object.hasOwn(ERROR_CODES, code)) return ERROR_CODES[code];
  throw new TypeError(`faultCode: the code must be one of a framing's, and is ${inWords(code)}`);
}

/** @example frameError(fault).code // 'bad-header-length', with `position`, `hex` and `ascii` */
export function frameError(fault: FrameFault): ServiceFault {
  const { position, declared, limit, hex, ascii } = fault;
  const lengths = {
    // JSON has no bigint; a length this large is only there to be read.
    ...(declared === null ? {} : { declared: typeof declared === 'bigint' ? String(declared) : declared }),
    ...(limit === null ? {} : { limit }),
  };
  return serviceFault(faultCode(fault.code), fault.message, { position, ...lengths, hex, ascii });
}
