/** The version of this package, which `hello` answers. A release changes it here and in `package.json`. */
export const version = '0.2.0';
