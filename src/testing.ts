/** Sluice for tests: recordings replayed as tests, matchers for them, and the suites of what others implement. */

export {
  assertSameInAnyChunking,
  type ChunkingInvarianceOptions,
  ComparisonError,
  type ComparisonFault,
  joinedData,
} from './capture/replay/chunking-invariance.ts';
export { type InTime, inVirtualTime, type VirtualTimeOptions } from './capture/virtual-time.ts';
export { type ContractRunner, storeContract } from './store/conformance/suite.ts';
export { type FileServerOptions, fileServer } from './testing/file-server.ts';
export { assertReplaysTheSame, matchers } from './testing/matchers.ts';
export type { ReplayTheSameOptions } from './testing/options.ts';
export {
  framesOf,
  type Pipeline,
  type PipelineFunction,
  type Reader,
  type Service,
  service,
} from './testing/pipeline.ts';
export type { ReplyFraming } from './testing/reply-framing.ts';
export { type ConnectionContractOptions, connectionContract } from './transport/conformance/suite.ts';
