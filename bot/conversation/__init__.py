"""One answer at a time for each Place, in order, journalled from claim to ending."""
