/** Sluice for tests: recordings replayed as tests, matchers for them, and the suites of what others implement. */

export { type Capture, captureOf } from './capture/capture.ts';
export { captureFile } from './capture/capture-file.ts';
export { assertSameInAnyChunking, joinedData } from './capture/replay/chunking-invariance.ts';
export { inVirtualTime } from './capture/virtual-time.ts';
export { storeContract } from './store/conformance/suite.ts';
export { type FileServerOptions, fileServer } from './testing/file-server.ts';
export {
  assertReplaysTheSame,
  type MatcherResult,
  matchers,
  type ReplayMatchers,
} from './testing/matchers.ts';
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
export { connectionContract } from './transport/conformance/suite.ts';
