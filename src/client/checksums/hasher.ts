/** A digest that is computed piece by piece. */
export interface Hasher {
  readonly update: (bytes: Uint8Array) => void;
  /** In hexadecimal digits. Called once, after the last piece. */
  readonly digest: () => string;
}
