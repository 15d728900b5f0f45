"""Publishes and consumes a few messages, one of them larger than a segment and than a frame."""
import pika

connection = pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', frame_max=8192, heartbeat=60))
channel = connection.channel()
channel.queue_declare('demo', auto_delete=True)
for size in (1, 0, 300, 20000):
    channel.basic_publish('', 'demo', b's' * size)
taken = 0
for method, _, body in channel.consume('demo', inactivity_timeout=10):
    assert method is not None
    channel.basic_ack(method.delivery_tag)
    taken += 1
    if taken == 4:
        break
channel.cancel()
connection.close()
