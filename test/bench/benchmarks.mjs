// The benchmarks by name. Each is a file of that name, which exports `run()`: measures this build, prints tables and
// answers figures; and `contests()`: what `--against` has two builds do by turns.

export const all = [
  'deframe',
  'echo',
  'store',
  'list',
  'throughput',
  'download',
  'tls',
  'unix',
  'trees',
  'ping-flood',
  'group-commit',
  'connections',
  'workers',
  'bounded-memory',
  'captures',
  'record',
  's3',
];

/** What `--quick` measures, with which smaller files and fewer rounds: less than two minutes in all. */
export const quick = ['deframe', 'throughput', 'download', 'tls', 'ping-flood'];
export const QUICK_ROUNDS = 3;
export const QUICK_ENVIRONMENT = {
  SLUICE_BENCH_BIG: String(2 ** 28),
  SLUICE_BENCH_ROUNDS: String(QUICK_ROUNDS),
};
