/** `#checksums` where there is no Node: in plain JavaScript. */
export { crc32 } from './crc32.ts';
export { sha256 } from './sha256.ts';
