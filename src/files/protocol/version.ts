/**
 * The version of this package, which `hello` answers.
 *
 * @example console.log(`sluice ${version}`);
 */
export const version = '0.2.0';
