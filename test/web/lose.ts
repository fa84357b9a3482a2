/**
 * In front of the worker's script: a message on the channel "lose" destroys the device; "for good" is a message after which
 * there is no adapter either.
 */
export const LOSE = `{
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await request.apply(this, options);
    new BroadcastChannel("lose").onmessage = ({ data }) => {
      if (data === "for good") GPU.prototype.requestAdapter = async () => null;
      device.destroy();
    };
    return device;
  };
}`;
