var ActionSyncPush = Class.create();
ActionSyncPush.prototype = {
    initialize: function () {},

    /**
     * Ask ActionSync to look at a ticket. It says which, and nothing of what is in it.
     *
     * @param {string} table - the ticket's table
     * @param {string} sysId - its sys_id
     * @returns {boolean} whether ActionSync has taken it
     */
    say: function (table, sysId) {
        var address = gs.getProperty('actionsync.push.address', '');
        var secret = gs.getProperty('actionsync.push.secret', '');
        if (address.indexOf('https://') !== 0 || !secret) {
            return false;
        }
        // Both are plain ASCII, so that what is signed is what is sent.
        var body = JSON.stringify({ table: String(table), sys_id: String(sysId) });
        var seconds = String(Math.floor(new GlideDateTime().getNumericValue() / 1000));
        try {
            var key = GlideStringUtil.base64Encode(secret);
            var signature = new GlideCertificateEncryption().generateMac(key, 'HmacSHA256', seconds + '.' + body);
            var request = new sn_ws.RESTMessageV2();
            request.setEndpoint(address);
            request.setHttpMethod('post');
            request.setRequestHeader('Content-Type', 'application/json');
            request.setRequestHeader('X-ActionSync-Timestamp', seconds);
            request.setRequestHeader('X-ActionSync-Signature', signature);
            request.setRequestBody(body);
            request.setHttpTimeout(5000);
            var status = request.execute().getStatusCode();
            if (status === 202) {
                return true;
            }
            gs.error('ActionSync push of ' + table + ' was answered ' + status);
        } catch (error) {
            gs.error('ActionSync push of ' + table + ' failed: ' + error);
        }
        return false;
    },

    type: 'ActionSyncPush'
};
