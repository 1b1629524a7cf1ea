"""The parts of `hilum queue` and `hilum explain`: opening what is kept, choosing, showing."""
