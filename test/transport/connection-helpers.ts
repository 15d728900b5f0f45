/** What the tests of connections share with the cases of the contract suite. */
export * from '../../src/transport/conformance/case.ts';
