/** The replies of a server, each matched with the first request that is not answered. */
import { isMatching, P } from 'ts-pattern';
import type { ServiceFault } from '../../files/protocol/errors.ts';
import { isRefusal, type Reply } from '../../files/protocol/reply.ts';
import type { FrameEvent } from '../../wire/frame-event.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import { describeFault } from '../client-fault.ts';
import { finish, type PipelineState, settle } from './pipeline-state.ts';

/** Gives up a server whose replies cannot be understood. */
function protocolError(pipeline: PipelineState, message: string, error?: ServiceFault): void {
  const said = error === undefined ? {} : { error };
  // Not `destroyed`: that code is for connections dropped for the sake of one request.
  finish(pipeline, { code: 'failed', message }, { code: 'protocol', message, ...said });
  pipeline.connection.destroy();
}

function onReply(pipeline: PipelineState, reply: Reply, body: number): void {
  const pending = pipeline.outstanding[0];
  if (isRefusal(reply) && !isServiceFault(reply.error)) {
    return protocolError(pipeline, `the server's error has no code and message`);
  }
  if (isRefusal(reply) && reply.id === undefined) {
    // A refusal without an id is about the connection itself.
    const message = `the server gave up on the connection: ${reply.error.message}`;
    return protocolError(pipeline, message, reply.error);
  }
  if (pending === undefined || reply.id !== pending.id) {
    const expected = pending === undefined ? 'nothing was asked' : `${pending.id} is due`;
    return protocolError(pipeline, `the server answers to ${JSON.stringify(reply.id)}, but ${expected}`);
  }
  if (!isRefusal(reply) && reply.ack === 'progress' && pending.request.progressed !== undefined) {
    if (pending.cancelled || pending.answered) return;
    const fault = pending.request.progressed(reply);
    if (fault !== null) protocolError(pipeline, describeFault(fault));
    return;
  }
  pipeline.receiving = pending;
  if (isRefusal(reply)) {
    pending.answered = true;
    if (!pending.cancelled) pending.request.failed({ code: 'refused', error: reply.error });
    pending.cancelled = true;
    return;
  }
  if (pending.sent === null) {
    return protocolError(pipeline, 'the server acknowledges what it has not been sent yet');
  }
  pending.answered = true;
  if (pending.cancelled) return;
  const fault = pending.request.acked(reply, pending.sent, body);
  if (fault?.code === 'protocol') protocolError(pipeline, fault.message);
  else if (fault !== null) {
    pending.request.failed(fault);
    pending.cancelled = true;
  }
}

function onReplyEnd(pipeline: PipelineState): void {
  const pending = pipeline.receiving;
  if (pending === null) return;
  pipeline.receiving = null;
  pipeline.outstanding.shift();
  if (!pending.cancelled) pending.request.done();
  settle(pipeline);
  pipeline.sender.wake();
}

export function onFrame(pipeline: PipelineState, frame: FrameEvent<JsonHeader>): void {
  if (pipeline.phase === 'over') return;
  pipeline.deadline?.touch();
  switch (frame.type) {
    case 'start':
      return onReply(pipeline, frame.header as Reply, frame.length);
    case 'data':
      if (pipeline.receiving?.cancelled === false) pipeline.receiving.request.data?.(frame.bytes);
      return;
    case 'end':
      return onReplyEnd(pipeline);
    case 'fault':
      // When the connection breaks in the middle of a reply, `chunks$` reports that itself.
      if (frame.fault.code !== 'truncated') {
        protocolError(pipeline, `the server's reply: ${frame.fault.message}`);
      }
      return;
    case 'frame':
      // Replies are never delivered whole.
      return;
  }
}

const isServiceFault = isMatching({ code: P.string, message: P.string });
