/** The version of this package, as `hello` answers it; a test holds it to `package.json`. */
export const version = '0.1.0';
