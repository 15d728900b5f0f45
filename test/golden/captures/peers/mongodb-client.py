"""A few commands by Debian's MongoDB driver, which is told not to describe this machine."""
import pymongo
import pymongo.pool

pymongo.pool._METADATA['os'] = {'type': 'Linux'}
pymongo.pool._METADATA.pop('platform', None)

client = pymongo.MongoClient('127.0.0.1', 27017, heartbeatFrequencyMS=60000)
words = client.demo.words
client.admin.command('ping')
words.insert_many([{'_id': n, 'word': 'sluice ' * n} for n in range(1, 40)])
assert len(list(words.find())) == 59
client.close()
