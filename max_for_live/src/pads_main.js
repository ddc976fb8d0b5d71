inlets = 1;
outlets = 3;

const Device = PadsDevice;
