// Asks for storage commitment with dcmjs-dimse and waits for the report on the same association:
// node dcmjs_commit.js PORT CALLED TRANSACTION CLASS:INSTANCE...
const { Client, Dataset, requests, responses, constants, log } = require('dcmjs-dimse');

log.setLevel('silent');

const [port, called, transaction, ...named] = process.argv.slice(2);
const model = '1.2.840.10008.1.20.1';
const request = new requests.NActionRequest(model, '1.2.840.10008.1.20.1.1', 1);
request.setDataset(
  new Dataset({
    TransactionUID: transaction,
    ReferencedSOPSequence: named.map((one) => {
      const [ReferencedSOPClassUID, ReferencedSOPInstanceUID] = one.split(':');
      return { ReferencedSOPClassUID, ReferencedSOPInstanceUID };
    }),
  })
);
const found = { status: null, eventType: null, committed: [] };
const client = new Client();
request.on('response', (response) => {
  found.status = response.getStatus();
});
client.on('nEventReportRequest', (report, callback) => {
  found.eventType = report.getEventTypeId();
  const items = report.getDataset().getElement('ReferencedSOPSequence') || [];
  found.committed = [].concat(items).map((item) => item.ReferencedSOPInstanceUID);
  const response = responses.NEventReportResponse.fromRequest(report);
  response.setStatus(constants.Status.Success);
  callback(response);
});
client.on('closed', () => {
  console.log(JSON.stringify(found));
  process.exit(0);
});
client.on('networkError', (error) => {
  console.log(JSON.stringify({ error: error.message }));
  process.exit(1);
});
client.addRequest(request);
// It would release at once otherwise.
client.send('127.0.0.1', Number(port), 'CT1', called, { associationLingerTimeout: 2000 });
