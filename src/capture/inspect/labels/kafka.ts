/**
 * Kafka: the operation of a request, and of the response to it.
 *
 * ```text
 *  request    length: 4   API key: 2   version: 2   correlation id: 4
 *  response   length: 4   correlation id: 4
 * ```
 */
import { int32, uint16 } from '../../../wire/presets/message-head.ts';
import type { Labels } from './label.ts';

/** By their API keys. */
const OPERATIONS: readonly string[] = [
  ...['Produce', 'Fetch', 'ListOffsets', 'Metadata', 'LeaderAndIsr', 'StopReplica', 'UpdateMetadata'],
  ...['ControlledShutdown', 'OffsetCommit', 'OffsetFetch', 'FindCoordinator', 'JoinGroup', 'Heartbeat'],
  ...['LeaveGroup', 'SyncGroup', 'DescribeGroups', 'ListGroups', 'SaslHandshake', 'ApiVersions'],
  ...['CreateTopics', 'DeleteTopics', 'DeleteRecords', 'InitProducerId', 'OffsetForLeaderEpoch'],
  ...['AddPartitionsToTxn', 'AddOffsetsToTxn', 'EndTxn', 'WriteTxnMarkers', 'TxnOffsetCommit'],
  ...['DescribeAcls', 'CreateAcls', 'DeleteAcls', 'DescribeConfigs', 'AlterConfigs', 'AlterReplicaLogDirs'],
  ...['DescribeLogDirs', 'SaslAuthenticate', 'CreatePartitions', 'CreateDelegationToken'],
  ...['RenewDelegationToken', 'ExpireDelegationToken', 'DescribeDelegationToken', 'DeleteGroups'],
  ...['ElectLeaders', 'IncrementalAlterConfigs', 'AlterPartitionReassignments'],
  ...['ListPartitionReassignments', 'OffsetDelete', 'DescribeClientQuotas', 'AlterClientQuotas'],
  ...['DescribeUserScramCredentials', 'AlterUserScramCredentials', 'Vote', 'BeginQuorumEpoch'],
  ...['EndQuorumEpoch', 'DescribeQuorum', 'AlterPartition', 'UpdateFeatures', 'Envelope', 'FetchSnapshot'],
  ...['DescribeCluster', 'DescribeProducers', 'BrokerRegistration', 'BrokerHeartbeat', 'UnregisterBroker'],
  ...['DescribeTransactions', 'ListTransactions', 'AllocateProducerIds', 'ConsumerGroupHeartbeat'],
  ...['ConsumerGroupDescribe', 'ControllerRegistration', 'GetTelemetrySubscriptions', 'PushTelemetry'],
  ...['AssignReplicasToDirs', 'ListConfigResources', 'DescribeTopicPartitions'],
];

/** The most requests whose responses are awaited; the oldest is forgotten. */
const AWAITED_MAX = 256;

export function kafkaLabels(): Labels {
  /** The operations of requests without a response so far, by their correlation ids. */
  const awaited = new Map<number, string>();
  return {
    of({ from, bytes }) {
      if (from === 'server') {
        if (bytes.length < 8) return null;
        const id = int32(bytes, 4);
        const operation = awaited.get(id);
        awaited.delete(id);
        return operation === undefined ? `response #${id}` : `${operation} response #${id}`;
      }
      if (bytes.length < 12) return null;
      const [key, version, id] = [uint16(bytes, 4), uint16(bytes, 6), int32(bytes, 8)];
      const operation = OPERATIONS[key] ?? `API key ${key}`;
      awaited.set(id, operation);
      if (awaited.size > AWAITED_MAX) awaited.delete(awaited.keys().next().value!);
      return `${operation} v${version} #${id}`;
    },
  };
}
