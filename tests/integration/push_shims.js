// What ServiceNow gives its scripts, as far as the script include uses it.
const crypto = require('crypto');
const fs = require('fs');
const vm = require('vm');

const [script, vectorsFile] = process.argv.slice(2);
const requests = [];

for (const vector of JSON.parse(fs.readFileSync(vectorsFile, 'utf8'))) {
  const sent = { headers: {} };
  const sandbox = {
    Class: { create: () => function (...given) { this.initialize(...given); } },
    GlideCertificateEncryption: function () {
      this.generateMac = (key, algorithm, data) => {
        if (algorithm !== 'HmacSHA256') throw new Error(algorithm);
        return crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(data).digest('base64');
      };
    },
    GlideDateTime: function () {
      this.getNumericValue = () => Number(vector.timestamp) * 1000 + 999;
    },
    GlideStringUtil: { base64Encode: (text) => Buffer.from(text).toString('base64') },
    gs: {
      error: (text) => { sent.error = text; },
      getProperty: (name) =>
        ({ 'actionsync.push.address': vector.address, 'actionsync.push.secret': vector.secret })[name],
    },
    sn_ws: {
      RESTMessageV2: function () {
        this.setEndpoint = (address) => { sent.address = address; };
        this.setHttpMethod = (method) => { sent.method = method; };
        this.setRequestHeader = (name, value) => { sent.headers[name.toLowerCase()] = value; };
        this.setRequestBody = (body) => { sent.body = body; };
        this.setHttpTimeout = (milliseconds) => { sent.timeout = milliseconds; };
        this.execute = () => {
          if (vector.status === 0) throw new Error('Connection refused');
          return { getStatusCode: () => vector.status };
        };
      },
    },
  };
  vm.runInNewContext(
    `${fs.readFileSync(script, 'utf8')}
     result = new ActionSyncPush().say(table, sys_id);`,
    Object.assign(sandbox, { result: null, table: vector.table, sys_id: vector.sys_id }),
  );
  requests.push({ ...sent, result: sandbox.result });
}
process.stdout.write(JSON.stringify(requests));
